// The types of the package, for CommonJS; index.d.mts gives the same to ESM. Written by hand: test/types.ts uses them.
/// <reference types="node" />

/** Limits of one model; what is left out is learned from the answers. */
export interface Limits {
    requestsPerMinute?: number;
    tokensPerMinute?: number;
    burst?: number;
}

/** Another place for requests; what is left out is as in the client. */
export interface Fallback {
    baseURL?: string;
    apiKey?: string;
    organization?: string;
    project?: string;
    model?: string;
}

/** Settings of a client; null puts a default back. Their meaning and defaults are in the project's README. */
export interface ClientOptions {
    /** API key, sent as a bearer token. */
    apiKey?: string | null;
    /** API key for the organization endpoints. */
    adminApiKey?: string | null;
    /** What webhooks are signed with. */
    webhookSecret?: string | null;
    /** Where requests go: http:// or https://, host and path prefix. Default https://api.openai.com/v1. */
    baseURL?: string | null;
    /** The same as baseURL. */
    baseUrl?: string | null;
    /** URL of an Azure OpenAI resource, in place of baseURL. */
    azureEndpoint?: string | null;
    /** api-version for Azure. */
    azureApiVersion?: string | null;
    /** Key for Azure, sent as api-key. */
    azureApiKey?: string | null;
    /** Microsoft Entra token for Azure. */
    azureAdToken?: string | null;
    /** Organization id, sent as OpenAI-Organization. */
    organization?: string | null;
    /** Project id, sent as OpenAI-Project. */
    project?: string | null;
    /** Headers for every request. */
    customHeaders?: Record<string, string> | null;
    /** Query parameters for every request. */
    defaultQuery?: Record<string, string> | null;
    /** Most requests in flight at once; a stream counts until its end. Default 5. */
    maxConcurrentRequests?: number | null;
    /** Most requests that wait; one more is refused. Default 100. */
    queueSize?: number | null;
    /** What to do when the queue is full; calls of this package never block, so it is always reject for them. */
    queueFull?: 'reject' | 'wait' | null;
    /** Most attempts after the first. Default 5. */
    maxRetries?: number | null;
    /** Backoff before the first retry. Default 1 s. */
    initialRetryDelayMs?: number | null;
    /** Each further backoff is the one before times this. Default 2. */
    backoffFactor?: number | null;
    /** Longest backoff of the library's own. Default 16 s. */
    maxRetryDelayMs?: number | null;
    /** Share of a backoff that chance may take off. Default 0.25. */
    retryJitter?: number | null;
    /** Longest wait a server may ask for. Default 2 minutes. */
    maxRetryAfterMs?: number | null;
    /** Send requests again that the server may already have carried out, and billed. Default false. */
    retryUnsafe?: boolean | null;
    /** Failures in a row of one server and model after which requests to them wait. 0: off. Default 0. */
    circuitBreakerFailures?: number | null;
    /** How long an open circuit breaker holds requests before it lets one probe. Default 30 s. */
    circuitBreakerResetMs?: number | null;
    /** Limit of one attempt; of a stream: to its first event. Default 10 minutes. */
    attemptTimeoutMs?: number | null;
    /** Limit of a request with queue and retries. 0: none. Default 0. */
    timeoutMs?: number | null;
    /** Limit of connecting, TLS included. Default 10 s. */
    connectTimeoutMs?: number | null;
    /** Longest silence of the server inside a stream. Default 5 minutes. */
    idleTimeoutMs?: number | null;
    /** Wait that is worth one priority. Default 30 s. */
    ageingMs?: number | null;
    /** Most requests a minute, for each model that limits does not name. */
    requestsPerMinute?: number | null;
    /** Most tokens a minute, for each model that limits does not name. */
    tokensPerMinute?: number | null;
    /** Most requests at once after a time of rest, when requestsPerMinute is set. */
    burst?: number | null;
    /** Limits by model, in place of the general ones. */
    limits?: Record<string, Limits> | null;
    /** Models that share their limits, from model to group. */
    limitGroups?: Record<string, string> | null;
    /** Where else requests may be served, in the order of preference. */
    fallbacks?: Fallback[] | null;
    /** Wait that a request is not served elsewhere for, if there are fallbacks. Default 2 s. */
    fallbackAfterMs?: number | null;
    /** Learn the limits from the answers. Default true. */
    learnLimits?: boolean | null;
    /** Longest response body in bytes, after decompression. */
    maxResponseBytes?: number | null;
    /** Most redirects followed in one attempt. Default 5. */
    maxRedirects?: number | null;
    /** Events of a stream that wait for their reader before the socket is no longer read. Default 64. */
    streamBufferEvents?: number | null;
    /** Proxy for all requests. Empty: none. */
    proxy?: string | null;
    /** Proxy for https:// URLs when proxy is unset. */
    httpsProxy?: string | null;
    /** Proxy for http:// URLs when proxy is unset. */
    httpProxy?: string | null;
    /** Hosts reached without a proxy, separated by commas. */
    noProxy?: string | null;
    /** File with CA certificates (PEM) to trust. */
    caFile?: string | null;
    /** CA certificates to trust as PEM text. */
    caPem?: string | null;
    /** CA roots to trust. Default auto. */
    tlsRoots?: 'auto' | 'system' | 'bundled' | 'both' | null;
    /** HTTP version. Default 1.1. */
    httpVersion?: 'auto' | '1.1' | '2' | null;
    /** How long an unused connection is kept. Default 50 s. */
    poolIdleMs?: number | null;
    /** Thread of the library that calls back; this package has nothing called back. */
    callbackThread?: 'dispatcher' | 'worker' | null;
    /** The .env file to read; false: none. Without it the nearest .env in the working directory or above is read. */
    dotenv?: string | false;
    /**
     * Brings bearer tokens in place of apiKey: asked before the first request, shortly before a token's end, and when the
     * server answers 401, never twice at once. What it throws is why requests fail with OAI_ERR_NO_API_KEY. null: none.
     */
    tokenProvider?: TokenProvider | null;
    /** Any other option, by its name here or in the library. */
    [name: string]: unknown;
}

/** A bearer token, and how long it is good from now on; without that, it is until the server answers 401. */
export type Token = string | { token: string; expiresInMs?: number | null };

/** Brings a bearer token. The signal fires when nobody waits for it any more. */
export type TokenProvider = (options: { signal: AbortSignal }) => Token | PromiseLike<Token>;

/** A setting in force. Secrets are masked. */
export interface Setting {
    value: unknown;
    /** Where it came from: explicit, a variable's name, that name with the .env file's path, or default. */
    source: string;
}

/** The place of a request among those of its model. Waiting counts too, so that nothing waits for ever. */
export type Priority = 'high' | 'normal' | 'low';

/** How much of a form was sent, or of an answer written to its file. */
export interface Progress {
    way: 'upload' | 'download';
    bytes: number;
    /** null where it is not known. */
    total: number | null;
}

/** How far a batch run is: its input, the batch, its results; `way` tells which. */
export type BatchProgress = BatchUploadProgress | BatchStateProgress | BatchDownloadProgress;

/** How much of the input has gone up. */
export interface BatchUploadProgress extends Progress {
    way: 'upload';
}

/** What is new of the batch. What it does not tell is null. */
export interface BatchStateProgress {
    way: 'batch';
    batch_id: string;
    status: string;
    /** How many of its requests are completed, how many have failed, and how many there are. */
    completed: number | null;
    failed: number | null;
    total: number | null;
}

/** How much of a file of results has come. */
export interface BatchDownloadProgress extends Progress {
    way: 'download';
    file: 'output' | 'errors';
}

/** Names and values; an array stands for several values. Anything that iterates over pairs serves, such as Headers. */
export type Pairs = Record<string, unknown> | Iterable<readonly [string, unknown]>;

/** Bytes, or a text that is sent as UTF-8. */
export type Content = string | ArrayBuffer | ArrayBufferView;

/** A JSON body: a text or bytes are sent to the letter, anything else by JSON.stringify. */
export type Body = string | ArrayBufferView | object;

/** A file of a form: one on disk, which is read while it is sent, or one in memory. */
export type FileContent =
    | { path: string; filename?: string; contentType?: string }
    | { content: Content; filename: string; contentType?: string };

/** What any call may be given. */
export interface CallOptions {
    /** Cancels the call wherever it is: waiting, in backoff, in flight. */
    signal?: AbortSignal;
    priority?: Priority;
    /** Limits the request as a whole, with queue and retries. */
    timeoutMs?: number;
    /** Sent as Idempotency-Key, the same in each attempt. */
    idempotencyKey?: string;
    /** Headers, which win over those that the client would send. */
    headers?: Pairs;
    query?: Pairs;
}

export interface RequestOptions extends CallOptions {
    /** Is told how far a form or an answer to a file has come, at most ten times a second. */
    onProgress?: (progress: Progress) => void;
    /** A file that the body of a good answer is written to as it comes. It has its name only once it is whole. */
    outputPath?: string;
    /** The same to an open descriptor. */
    outputFd?: number;
    /** Fields that make the body a form (multipart/form-data). */
    fields?: Pairs;
}

export interface EmbedOptions extends CallOptions {
    /** How long the vectors are to be, for models that can shorten them. */
    dimensions?: number;
    /** Names your end user, for the server's abuse monitoring. */
    user?: string;
}

/** How often to look whether something is done. */
export interface PollOptions {
    signal?: AbortSignal;
    /** Limits the whole call. */
    timeoutMs?: number;
    /** The time before the second look, which grows by half each time. Default 1 s. */
    intervalMs?: number;
    /** The most that it grows to. Default 10 s. */
    maxIntervalMs?: number;
}

export interface WaitOptions extends PollOptions, Pick<CallOptions, 'headers' | 'query' | 'priority'> {
    /** The field that tells what has become of the object. Default status. */
    field?: string;
    /** The statuses that end the wait; without them all in which the API's objects stay, or wait for their owner. */
    statuses?: readonly string[];
}

export interface BatchOptions extends PollOptions {
    /** The JSONL file with one request a line. Not needed to go on with a batch_id or an input_file_id. */
    input?: string;
    /** The file for the results; the lines that failed go to the same name with .errors added. Without it, to none. */
    output?: string;
    /** Is told how far the upload, the batch and the download of its results are, at most ten times a second. */
    onProgress?: (progress: BatchProgress) => void;
}

export interface PartsOptions {
    signal?: AbortSignal;
    /** Is told how many bytes of whole parts have arrived. */
    onProgress?: (progress: Progress) => void;
}

/** Any operation of the API. */
export interface Request extends RequestOptions {
    method: string;
    /** What follows the base URL, such as /chat/completions. */
    path: string;
    body?: Body;
    /** Files make the body a form. */
    files?: (FileContent & { field: string })[];
}

/** The tokens that the server counted, 0 where it told nothing. */
export interface Usage {
    promptTokens: number;
    completionTokens: number;
    totalTokens: number;
}

/** The answer to a call that went well. */
export class Response {
    protected constructor();
    readonly httpStatus: number;
    /** By lower-case name. */
    readonly headers: Readonly<Record<string, string>>;
    /** As it was received, decompressed; of a stream, the whole message. */
    readonly body: Buffer;
    /** The server's id of the request. */
    readonly requestId: string | null;
    /** How often the request was sent. */
    readonly attempts: number;
    readonly usage: Usage;
    /** 0 if the client's own place answered, n for the nth of its fallbacks. */
    readonly fallback: number;
    text(): string;
    /** The body's JSON, parsed. */
    json<T = any>(): T;
}

/** The vectors of an embed call: a row-major matrix with one row for each input, in their order. */
export class Embeddings implements Iterable<Float32Array> {
    protected constructor();
    /** rows * dims numbers. postMessage copies them; large ones cannot be transferred. */
    readonly data: Float32Array;
    readonly rows: number;
    readonly dims: number;
    readonly httpStatus: number;
    readonly requestId: string | null;
    readonly attempts: number;
    readonly usage: Usage;
    /** The vector of input i, without a copy. */
    row(i: number): Float32Array;
    [Symbol.iterator](): IterableIterator<Float32Array>;
}

/** An answer that comes event by event. It must be read to its end or closed. */
export class Stream<Event = any> implements AsyncIterableIterator<Event> {
    protected constructor();
    /** The next event, its JSON parsed. */
    next(): Promise<IteratorResult<Event, undefined>>;
    return(): Promise<IteratorResult<Event, undefined>>;
    [Symbol.asyncIterator](): this;
    /** The pieces of text one after the other. */
    texts(): AsyncGenerator<string, void, void>;
    /**
     * Reads what is left and gives the whole as the call would have given it without streaming. Of a stream that was
     * closed that is the whole too if the server had told it to its end by then; else it rejects with an AbortError.
     */
    final(): Promise<Response>;
    /** What final() would give of a stream that broke off: as much as came. */
    partial(): Promise<Partial<Response> & Pick<Response, 'body' | 'text' | 'json'>>;
    /** Ends the stream if it has not ended: the connection is dropped at once. */
    close(): void;
    /** close() */
    [Symbol.asyncDispose](): Promise<void>;
}

/** Sends requests. One event loop uses it; each worker makes its own. Close it when it is no longer needed. */
export class Client {
    /** Settings come from the options, then from the environment, then from the .env file, then from the defaults. */
    constructor(options?: ClientOptions);

    /** Turns texts into vectors. */
    embed(model: string, input: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;
    /** POST /chat/completions */
    chat(body: Body, options?: RequestOptions): Promise<Response>;
    chatStream<Event = any>(body: Body, options?: RequestOptions): Stream<Event>;
    /** POST /responses */
    responses(body: Body, options?: RequestOptions): Promise<Response>;
    responsesStream<Event = any>(body: Body, options?: RequestOptions): Stream<Event>;
    /** POST /completions */
    completions(body: Body, options?: RequestOptions): Promise<Response>;
    completionsStream<Event = any>(body: Body, options?: RequestOptions): Stream<Event>;
    /** POST /moderations */
    moderate(body: Body, options?: RequestOptions): Promise<Response>;
    /** GET /models */
    models(options?: RequestOptions): Promise<Response>;
    /** POST /images/generations */
    image(body: Body, options?: RequestOptions): Promise<Response>;
    /** POST /images/edits */
    imageEdit(image: FileContent, fields: Pairs, options?: RequestOptions): Promise<Response>;
    /** POST /audio/speech; the answer's body is the sound. */
    speech(body: Body, options?: RequestOptions): Promise<Response>;
    /** POST /audio/transcriptions */
    transcribe(sound: FileContent, fields: Pairs, options?: RequestOptions): Promise<Response>;
    /** POST /audio/translations */
    translate(sound: FileContent, fields: Pairs, options?: RequestOptions): Promise<Response>;
    /** POST /files, for a purpose such as batch. */
    upload(file: FileContent, purpose: string, options?: RequestOptions): Promise<Response>;
    /** GET /files/{id}/content, into memory, or with outputPath into a file as it comes. */
    download(id: string, options?: RequestOptions): Promise<Response>;
    /** Sends any request. */
    request(request: Request): Promise<Response>;
    /** Sends any request whose answer is a stream of events. */
    stream<Event = any>(request: Request): Stream<Event>;
    /** Follows a list page by page to its end. */
    pages(request: Request): AsyncGenerator<Response, void, void>;
    /** The elements of a list, page after page. */
    items<Item = any>(request: Request): AsyncGenerator<Item, void, void>;

    /**
     * Asks for an object, such as /batches/batch_1, until it is done: a run, batch, fine-tuning job, vector-store file, video
     * or background response. Gives it as it ended, also if it failed: look at its status.
     */
    waitUntil(path: string, options?: WaitOptions): Promise<Response>;
    /**
     * Runs a batch from its input file to its results: uploads the file, creates the batch, waits until it has ended and
     * writes what it came to. The body holds the members of POST /batches, such as endpoint. Gives the batch as it ended,
     * also if it failed. Interrupted, the batch goes on at the server, and the error's body holds the members to go on with.
     */
    runBatch(body: Body, options?: BatchOptions): Promise<Response>;
    /**
     * Uploads a file that is too large for upload(): in parts of 64 MiB, or part_bytes of the body, four at a time. The body
     * holds the members of POST /uploads, such as purpose. Interrupted, the error's body is what to go on with as the body.
     */
    uploadInParts(path: string, body: Body, options?: PartsOptions): Promise<Response>;

    /** Changes settings: all of them, or none and an error. Those of the transport may change until the first request. */
    configure(options: ClientOptions): void;
    /** The settings in force and where each came from. */
    config(): Record<string, Setting>;
    /** What became of requests, how long they took, what the limits are, and what requests wait for. */
    stats(): any;
    /** The same in the text format of Prometheus. */
    prometheus(): string;
    /** Throws unless the webhook was signed with the client's webhookSecret, and not long ago. */
    verifyWebhook(body: Content, headers: WebhookHeaders, options?: { toleranceMs?: number }): void;

    /** Takes no more requests, and waits until those under way have ended; for so long at most, and then they go on. */
    drain(timeoutMs?: number): Promise<void>;
    /** Drains, and then closes: what is left after timeoutMs is cancelled. */
    shutdown(timeoutMs?: number): Promise<void>;
    /** Cancels what is left and frees the client. */
    close(): void;
    /** close() */
    [Symbol.asyncDispose](): Promise<void>;
}

/** Headers as node:http or fetch has them. */
export type WebhookHeaders = { get(name: string): string | null } | { [name: string]: string | string[] | undefined };

/** Throws unless the webhook was signed with the secret, and not long ago. nowMs: milliseconds since 1970, in tests. */
export function verifyWebhook(secret: string, body: Content, headers: WebhookHeaders,
    options?: { toleranceMs?: number; nowMs?: number }): void;

/** The piece of text that an event adds to the answer, in streams of chat, completions and responses; else ''. */
export function textIn(event: unknown): string;

export type LogLevel = 'off' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Hands the library's log, one for the whole process, to a function; null: to stderr again. */
export function setLog(log: ((level: LogLevel, line: string) => void) | null, level?: LogLevel): void;

/** What went wrong with a call. */
export class OaicError extends Error {
    protected constructor();
    /** The status's name, such as OAI_ERR_RATE_LIMITED, and its number. */
    readonly status: string;
    readonly statusNumber: number;
    /** That of the last answer, 0 if none came. */
    readonly httpStatus: number;
    /** The server's own words. */
    readonly code: string | null;
    readonly type: string | null;
    readonly param: string | null;
    /** The server's id of the request, which its support asks for. */
    readonly requestId: string | null;
    /** How long the server asked to wait, 0 if it did not. */
    readonly retryAfterMs: number;
    /** How often the request was sent, 0 if it was refused. */
    readonly attempts: number;
    /** The server may have carried the request out all the same, and billed it. */
    readonly mayHaveExecuted: boolean;
    /**
     * That of the last answer, null if the request was refused. Of a runBatch or uploadInParts that can go on, the JSON to go
     * on with; of a waitUntil whose time is over, the object as it was last seen.
     */
    readonly body: Buffer | null;
}
/** The server could not be reached, or the connection broke. */
export class ConnectionError extends OaicError {}
/** It took longer than it may. */
export class TimeoutError extends OaicError {}
/** The server answered, and its answer was no. */
export class ApiError extends OaicError {}
/** The key is missing, wrong, or not allowed to do this. */
export class AuthenticationError extends ApiError {}
/** Too many requests or tokens, or the account is empty. */
export class RateLimitError extends ApiError {}
/** The queue is full, or the client was closed: the request was not sent. */
export class RefusedError extends OaicError {}
/** The request was cancelled: by its signal, whose reason is `cause`, or by closing the client. */
export class AbortError extends OaicError {}
