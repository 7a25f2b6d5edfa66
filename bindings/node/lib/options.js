// This file is the names of options: JavaScript's case on one side, the library's on the other. The library checks the
// values; client.js and request.js use it.
'use strict';

/** The library's name of an option: max_retries for maxRetries, base_url for baseURL; its own names stay as they are. */
function snake(name) {
    return name
        .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
        .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
        .toLowerCase();
}

/** JavaScript's name of an option. */
function camel(name) {
    return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

function renamed(object, rename) {
    return Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));
}

/** Options as JSON for the library. Those that are undefined are left out. */
function settingsJSON(options) {
    const settings = renamed(options, snake);
    if (isObject(settings.limits)) {
        settings.limits = Object.fromEntries(Object.entries(settings.limits)
            .map(([model, limits]) => [model, inner(limits)]));
    }
    if (Array.isArray(settings.fallbacks)) settings.fallbacks = settings.fallbacks.map(inner);
    return Buffer.from(JSON.stringify(settings));
}

/** An object inside an option, whose names are options too; what is none is for the library to refuse. */
function inner(value) {
    return isObject(value) ? renamed(value, snake) : value;
}

function isObject(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

module.exports = { settingsJSON, camel, renamed };
