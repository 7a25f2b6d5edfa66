/*
 * Patterns, as README.md of the folder above defines them.
 */
#include "runner.h"
#include <math.h>

void only_keys(const cJSON *object, const char *keys)
{
    char *list = text_of("%s", keys);
    char *rest = NULL;
    size_t known = 0;
    if (!cJSON_IsObject(object))
        fail("an object was expected");
    for (char *key = strtok_r(list, " ", &rest); key != NULL; key = strtok_r(NULL, " ", &rest)) {
        size_t len = strlen(key);
        int needed = key[len - 1] == '!';
        key[len - (size_t)needed] = '\0';
        int there = item(object, key) != NULL;
        if (needed && !there)
            fail("the key %s is missing", key);
        known += (size_t)there;
    }
    free(list);
    if ((int)known != cJSON_GetArraySize(object))
        fail("there is a key beside (%s) in %s", keys, cJSON_PrintUnformatted(object));
}

const char *text_at(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(item(object, key));
}

static int matches(const cJSON *pattern, const cJSON *value);

static int is_nothing(const cJSON *value)
{
    return value == NULL || cJSON_IsNull(value);
}

static int contains(const cJSON *part, const cJSON *value)
{
    if (cJSON_IsString(part))
        return cJSON_IsString(value) && strstr(value->valuestring, part->valuestring) != NULL;
    if (!cJSON_IsArray(part))
        fail("$contains takes a text or an array of texts");
    const cJSON *one;
    cJSON_ArrayForEach(one, part)
        if (!contains(one, value))
            return 0;
    return 1;
}

static int some(const cJSON *pattern, const cJSON *array)
{
    const cJSON *one;
    if (cJSON_IsArray(array))
        cJSON_ArrayForEach(one, array)
            if (matches(pattern, one))
                return 1;
    return 0;
}

/* Whether the pattern is an operator, and then in `result` whether it matches. */
static int operator_of(const cJSON *pattern, const cJSON *value, int *result)
{
    const cJSON *given = pattern->child;
    if (!cJSON_IsObject(pattern) || given == NULL || given->next != NULL || given->string[0] != '$')
        return 0;
    const char *name = given->string;
    int number = cJSON_IsNumber(value) && cJSON_IsNumber(given);
    if (strcmp(name, "$contains") == 0)
        *result = contains(given, value);
    else if (strcmp(name, "$at_least") == 0)
        *result = number && value->valuedouble >= given->valuedouble;
    else if (strcmp(name, "$at_most") == 0)
        *result = number && value->valuedouble <= given->valuedouble;
    else if (strcmp(name, "$near") == 0)
        *result = number && fabs(value->valuedouble - given->valuedouble) <= 0.00001;
    else if (strcmp(name, "$length") == 0)
        *result = cJSON_IsArray(value) && cJSON_IsNumber(given) && cJSON_GetArraySize(value) == given->valueint;
    else if (strcmp(name, "$some") == 0)
        *result = some(given, value);
    else if (strcmp(name, "$present") == 0 && cJSON_IsTrue(given))
        *result = !is_nothing(value);
    else if (strcmp(name, "$not") == 0)
        *result = !matches(given, value);
    else
        fail("there is no operator %s like this", name);
    return 1;
}

static int matches(const cJSON *pattern, const cJSON *value)
{
    int result;
    const cJSON *key;
    if (operator_of(pattern, value, &result))
        return result;
    if (cJSON_IsNull(pattern))
        return is_nothing(value);
    if (value == NULL || (pattern->type & 0xff) != (value->type & 0xff))
        return 0;
    if (cJSON_IsObject(pattern)) {
        cJSON_ArrayForEach(key, pattern)
            if (!matches(key, item(value, key->string)))
                return 0;
        return 1;
    }
    if (cJSON_IsArray(pattern)) {
        int size = cJSON_GetArraySize(pattern);
        if (size != cJSON_GetArraySize(value))
            return 0;
        for (int i = 0; i < size; i++)
            if (!matches(cJSON_GetArrayItem(pattern, i), cJSON_GetArrayItem(value, i)))
                return 0;
        return 1;
    }
    return cJSON_Compare(pattern, value, 1);
}

void match(const char *where, const cJSON *pattern, const cJSON *value)
{
    const cJSON *key;
    if (matches(pattern, value))
        return;
    /* Down to what differs, as far as it is one thing. */
    int result;
    if (cJSON_IsObject(pattern) && cJSON_IsObject(value) && !operator_of(pattern, value, &result))
        cJSON_ArrayForEach(key, pattern) {
            const cJSON *part = item(value, key->string);
            if (!matches(key, part))
                match(text_of("%s.%s", where, key->string), key, part);
        }
    fail("%s should be %s and is %s", where, cJSON_PrintUnformatted(pattern),
         value != NULL ? cJSON_PrintUnformatted(value) : "missing");
}

void match_outcome(const cJSON *pattern, const cJSON *outcome)
{
    if (pattern == NULL || !has(pattern, "status")) {
        const char *status = text_at(outcome, "status");
        if (strcmp(status, "OAI_OK") != 0)
            fail("the outcome should be OAI_OK and is %s", cJSON_PrintUnformatted(outcome));
    }
    if (pattern != NULL)
        match("the outcome", pattern, outcome);
}
