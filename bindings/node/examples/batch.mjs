// Runs a batch from its input file to its results. Interrupted, it says how to go on.
//
//     node examples/batch.mjs /v1/chat/completions requests.jsonl results.jsonl
//     node examples/batch.mjs /v1/chat/completions '' results.jsonl '{"batch_id":"batch_1"}'
import { AbortError, Client } from 'oaic';

const [endpoint, input, output, resume = '{}'] = process.argv.slice(2);
const client = new Client();
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

try {
    const batch = await client.runBatch({ endpoint, ...JSON.parse(resume) }, {
        input: input || undefined, output, signal: interrupted.signal,
    });
    console.log(batch.json().status, batch.json().request_counts);
} catch (error) {
    if (!(error instanceof AbortError)) throw error;
    console.error(`interrupted; go on with '${error.body}'`);
    process.exitCode = 1;
}
client.close();
