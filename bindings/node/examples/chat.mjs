// Asks a question and prints the answer as it comes.
//
//     node examples/chat.mjs Why is the sky blue?
import { Client } from 'oaic';

const client = new Client();
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

const stream = client.chatStream({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: process.argv.slice(2).join(' ') }],
}, { signal: interrupted.signal });
for await (const text of stream.texts()) process.stdout.write(text);
process.stdout.write('\n');
client.close();
