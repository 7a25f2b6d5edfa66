/*
 * Searches lines by meaning: reads them from standard input, embeds them all at once, and prints the three that are
 * closest to the query, the best one first. Errors are exceptions here.
 *
 *     search QUERY < LINES
 *
 * It takes the key and the server from the environment or from .env, and the model from OAI_EXAMPLE_MODEL, else
 * text-embedding-3-small.
 */
#define OAI_EXCEPTIONS
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <oai.hpp>

namespace {

constexpr std::size_t per_request = 64;

/* The vectors of the texts, asked for in as many requests as it takes; the library sends them as the limits allow. */
std::vector<oai::Embeddings> embed(const oai::Client &client, const char *model, const std::vector<std::string> &texts)
{
    std::vector<oai::Future<oai::Embeddings>> under_way;
    for (std::size_t start = 0; start < texts.size(); start += per_request) {
        const std::size_t size = std::min(per_request, texts.size() - start);
        const auto first = texts.begin() + static_cast<std::ptrdiff_t>(start);
        under_way.push_back(client.embed_async(
            model, std::vector<std::string>(first, first + static_cast<std::ptrdiff_t>(size))));
    }
    std::vector<oai::Embeddings> all;
    for (auto &future : under_way)
        all.push_back(future.get());
    return all;
}

void search(const char *query)
{
    const char *given = std::getenv("OAI_EXAMPLE_MODEL");
    const char *model = given != nullptr ? given : "text-embedding-3-small";
    std::vector<std::string> lines;
    for (std::string line; std::getline(std::cin, line);)
        if (!line.empty())
            lines.push_back(line);

    const oai::Client client = oai::Client::make(oai::Options().queue_size(100000));
    const std::vector<oai::Embeddings> vectors = embed(client, model, lines);
    const std::array<const char *, 1> texts{query};
    const oai::Embeddings wanted = client.embed(model, texts);

    std::vector<std::pair<float, std::size_t>> scores;
    for (const oai::Embeddings &some : vectors)
        for (std::size_t i = 0; i < some.rows(); i++)
            scores.emplace_back(std::inner_product(some[i].begin(), some[i].end(), wanted[0].begin(), 0.0F),
                                scores.size());
    std::sort(scores.rbegin(), scores.rend());
    for (std::size_t i = 0; i < std::min<std::size_t>(3, scores.size()); i++)
        std::cout << scores[i].first << ' ' << lines[scores[i].second] << '\n';
}

} // namespace

int main(int count, char **arguments)
{
    if (count != 2) {
        std::cerr << "usage: search QUERY < LINES\n";
        return 2;
    }
    try {
        search(arguments[1]);
    } catch (const oai::Error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
