/*
 * Patterns, as README.md of tests/behaviour defines them.
 */
#include "runner.hpp"

#include <cmath>
#include <sstream>

void only_keys(const Json &object, std::string_view keys)
{
    if (!object.is_object())
        throw Failure("an object was expected");
    std::istringstream list{std::string(keys)};
    std::size_t known = 0;
    for (std::string key; list >> key;) {
        const bool needed = key.back() == '!';
        if (needed)
            key.pop_back();
        if (needed && !object.contains(key))
            throw Failure("the key " + key + " is missing");
        known += object.count(key);
    }
    if (known != object.size())
        throw Failure("there is a key beside (" + std::string(keys) + ") in " + object.dump());
}

const Json *member(const Json &object, const char *key)
{
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? nullptr : &*found;
}

std::map<std::string, Json> members(const Json &object, const char *key)
{
    const Json *found = member(object, key);
    return found == nullptr ? std::map<std::string, Json>() : found->get<std::map<std::string, Json>>();
}

namespace {

bool matches(const Json &pattern, const Json *value);

bool is_operator(const Json &pattern)
{
    return pattern.is_object() && pattern.size() == 1 && pattern.begin().key().substr(0, 1) == "$";
}

bool contains(const Json &part, const Json *value)
{
    if (part.is_string())
        return value != nullptr && value->is_string() &&
               value->get_ref<const std::string &>().find(part.get_ref<const std::string &>()) != std::string::npos;
    if (!part.is_array())
        throw Failure("$contains takes a text or an array of texts");
    for (const Json &one : part)
        if (!contains(one, value))
            return false;
    return true;
}

bool some(const Json &pattern, const Json *array)
{
    if (array != nullptr && array->is_array())
        for (const Json &one : *array)
            if (matches(pattern, &one))
                return true;
    return false;
}

bool operates(const Json &pattern, const Json *value)
{
    const std::string name = pattern.begin().key();
    const Json &given = pattern.begin().value();
    const auto number = [&] { return given.is_number() && value != nullptr && value->is_number(); };
    const auto of = [](const Json &json) { return json.get<double>(); };
    if (name == "$contains")
        return contains(given, value);
    if (name == "$at_least")
        return number() && of(*value) >= of(given);
    if (name == "$at_most")
        return number() && of(*value) <= of(given);
    if (name == "$near")
        return number() && std::fabs(of(*value) - of(given)) <= 0.00001;
    if (name == "$length")
        return given.is_number() && value != nullptr && value->is_array() && value->size() == given.get<std::size_t>();
    if (name == "$some")
        return some(given, value);
    if (name == "$present" && given == true)
        return value != nullptr && !value->is_null();
    if (name == "$not")
        return !matches(given, value);
    throw Failure("there is no operator like " + pattern.dump());
}

bool matches(const Json &pattern, const Json *value)
{
    if (is_operator(pattern))
        return operates(pattern, value);
    if (pattern.is_null())
        return value == nullptr || value->is_null();
    if (value == nullptr)
        return false;
    if (pattern.is_object()) {
        for (const auto &[key, inner] : pattern.items())
            if (!value->is_object() || !matches(inner, member(*value, key.c_str())))
                return false;
        return value->is_object();
    }
    if (pattern.is_array()) {
        bool same = value->is_array() && value->size() == pattern.size();
        for (std::size_t i = 0; same && i < pattern.size(); i++)
            same = matches(pattern[i], &(*value)[i]);
        return same;
    }
    return pattern == *value;
}

} // namespace

void match(const std::string &what, const Json &pattern, const Json *value)
{
    if (matches(pattern, value))
        return;
    // Down to what differs.
    if (pattern.is_object() && !is_operator(pattern) && value != nullptr && value->is_object())
        for (const auto &[key, inner] : pattern.items())
            match(what + "." + key, inner, member(*value, key.c_str()));
    throw Failure(what + " should be " + pattern.dump() + " and is " + (value != nullptr ? value->dump() : "missing"));
}

void match_outcome(const Json &step, const char *expect, const Json &outcome)
{
    const Json *pattern = member(step, expect);
    if (pattern == nullptr || member(*pattern, "status") == nullptr)
        match("the outcome", {{"status", "OAI_OK"}}, &outcome);
    if (pattern != nullptr)
        match("the outcome", *pattern, &outcome);
}
