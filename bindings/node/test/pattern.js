// This file is what the behaviour suite calls a pattern: how an outcome is compared with what is expected.
'use strict';

/** Tells what of a value a pattern does not match; '' if it matches. */
function matches(pattern, value, at) {
    const differs = `${at} is ${JSON.stringify(value)}, not ${JSON.stringify(pattern)}`;
    if (pattern === null) return value === null || value === undefined ? '' : differs;
    if (Array.isArray(pattern)) {
        if (!Array.isArray(value) || value.length !== pattern.length) return differs;
        return first(pattern, (inner, i) => matches(inner, value[i], `${at}[${i}]`));
    }
    if (typeof pattern !== 'object') return pattern === value ? '' : differs;
    const keys = Object.keys(pattern);
    if (keys.length === 1 && keys[0].startsWith('$')) {
        return holds(keys[0], pattern[keys[0]], value, at) ? '' : differs;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return differs;
    return first(keys, (key) => matches(pattern[key], value[key], `${at}.${key}`));
}

function first(list, differs) {
    for (let i = 0; i < list.length; i++) {
        const difference = differs(list[i], i);
        if (difference !== '') return difference;
    }
    return '';
}

function holds(operator, argument, value, at) {
    switch (operator) {
        case '$contains': return typeof value === 'string' && [argument].flat().every((part) => value.includes(part));
        case '$at_least': return typeof value === 'number' && value >= argument;
        case '$at_most': return typeof value === 'number' && value <= argument;
        case '$near': return typeof value === 'number' && Math.abs(value - argument) <= 0.00001;
        case '$length': return Array.isArray(value) && value.length === argument;
        case '$some': return Array.isArray(value) && value.some((element) => matches(argument, element, at) === '');
        case '$present': return value !== null && value !== undefined;
        case '$not': return matches(argument, value, at) !== '';
        default: throw new Error(`there is no operator ${operator}`);
    }
}

module.exports = { matches };
