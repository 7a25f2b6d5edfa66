// Finds the line of a text that is nearest in meaning to a question.
//
//     node examples/search.cjs Who mends boats? < text.txt
const { readFileSync } = require('node:fs');
const { Client } = require('oaic');

const MODEL = 'text-embedding-3-small';

async function main(question) {
    const client = new Client({ maxConcurrentRequests: 8 });
    const lines = readFileSync(0, 'utf8').split('\n').map((line) => line.trim()).filter(Boolean);
    const vectors = await client.embed(MODEL, [...lines, question]);
    const asked = vectors.row(lines.length);
    let best = { likeness: -Infinity };
    lines.forEach((line, i) => {
        const likeness = vectors.row(i).reduce((sum, number, j) => sum + number * asked[j], 0);
        if (likeness > best.likeness) best = { likeness, line };
    });
    console.log(best.likeness.toFixed(3), best.line);
    client.close();
}

main(process.argv.slice(2).join(' '));
