// This file is what the package gives away, for ESM. The classes are those of index.js, so that both kinds of modules
// of one program share them.
import oaic from './index.js';

export const {
    Client, Embeddings, Response, Stream, textIn, verifyWebhook, setLog, OaicError, ConnectionError, TimeoutError,
    ApiError, AuthenticationError, RateLimitError, RefusedError, AbortError,
} = oaic;
export default oaic;
