"""Embeds sentences and finds the one that is nearest to a question. Usage: search.py QUESTION"""

import sys

import oaic

SENTENCES = ["The lighthouse was built in 1871.", "Bread needs salt, water, flour and time.", "A queue holds what waits."]


def main(question: str) -> None:
    """Prints the nearest sentence."""
    with oaic.Client() as client:
        vectors = client.embed("text-embedding-3-small", [question, *SENTENCES])
        wanted = vectors[0]
        scores = [sum(a * b for a, b in zip(wanted, row)) for row in list(vectors)[1:]]
    print(SENTENCES[scores.index(max(scores))])


if __name__ == "__main__":
    main(sys.argv[1])
