// This file is what the package gives away, for CommonJS; index.mjs gives the same to ESM.
'use strict';

const { Client } = require('./client');
const { Embeddings, Response } = require('./response');
const { Stream, textIn } = require('./stream');
const { verifyWebhook } = require('./webhook');
const { setLog } = require('./log');
const { OaicError, ConnectionError, TimeoutError, ApiError, AuthenticationError, RateLimitError, RefusedError,
    AbortError } = require('./errors');

module.exports = {
    Client, Embeddings, Response, Stream, textIn, verifyWebhook, setLog, OaicError, ConnectionError, TimeoutError,
    ApiError, AuthenticationError, RateLimitError, RefusedError, AbortError,
};
