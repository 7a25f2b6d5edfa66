/*
 * What nulls.c, nulls_calls.c, nulls_forms.c and nulls_realtime.c share: calls with NULL, and the proof that no exported function was left out.
 */
#ifndef OAI_TESTS_NULLS_H
#define OAI_TESTS_NULLS_H

#include "support.h"
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { MOST = 256 };

#define INVALID OAI_ERR_INVALID_ARGUMENT
/* What an output holds before the call; it must be gone afterwards. */
#define GARBAGE(type) ((type *)(uintptr_t)1)

static const char *covered[MOST];
static size_t covered_count;

static inline void cover(const char *name)
{
    CHECK(covered_count < MOST);
    covered[covered_count++] = name;
}

/* The error is there, names the argument, and is freed. */
static inline void take_error(oai_error **error, const char *part)
{
    CHECK(*error != NULL && *error != GARBAGE(oai_error));
    CHECK_STATUS(oai_error_status(*error), INVALID);
    CHECK_HOLDS(oai_error_message(*error), part);
    oai_error_free(*error);
    *error = GARBAGE(oai_error);
}

static inline void take_response(oai_response **response, oai_status status)
{
    CHECK(*response != NULL && *response != GARBAGE(oai_response));
    CHECK_STATUS(oai_response_status(*response), status);
    oai_response_free(*response);
    *response = GARBAGE(oai_response);
}

/* Which of the programs has to call a function: what sends, the short forms, connections, and all others. */
enum program { NULLS, NULLS_CALLS, NULLS_FORMS, NULLS_REALTIME };

static inline enum program program_of(const char *name)
{
    static const struct {
        const char *prefix;
        enum program program;
    } prefixes[] = {
        {"oai_realtime", NULLS_REALTIME}, {"oai_response_close", NULLS_REALTIME}, {"oai_response_unsent", NULLS_REALTIME},
        {"oai_chat", NULLS_FORMS},       {"oai_responses", NULLS_FORMS}, {"oai_completions", NULLS_FORMS},
        {"oai_moderate", NULLS_FORMS},   {"oai_models", NULLS_FORMS},    {"oai_fold", NULLS_FORMS},
        {"oai_pages", NULLS_FORMS},      {"oai_speech", NULLS_FORMS},    {"oai_transcribe", NULLS_FORMS},
        {"oai_translate", NULLS_FORMS},  {"oai_image", NULLS_FORMS},     {"oai_file", NULLS_FORMS},
        {"oai_webhook", NULLS_FORMS},    {"oai_send", NULLS_CALLS},      {"oai_submit", NULLS_CALLS},
        {"oai_cancel", NULLS_CALLS},     {"oai_embed", NULLS_CALLS},     {"oai_queue", NULLS_CALLS},
        {"oai_batch_run", NULLS_FORMS},   {"oai_upload", NULLS_FORMS},
         {"oai_batch_", NULLS_CALLS},     {"oai_record", NULLS_CALLS},    {"oai_response_", NULLS_CALLS},
        {"oai_request_next_page", NULLS_FORMS}, {"oai_wait_until", NULLS_FORMS},
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
            return prefixes[i].program;
    return NULLS;
}

/* Looks into the library's own file for what it exports, and checks that this program has called its share. */
static inline void check_covered(enum program program)
{
    Dl_info info;
    struct stat stat;
    CHECK(dladdr((void *)(uintptr_t)oai_version_string(), &info) != 0);
    int file = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0 && fstat(file, &stat) == 0);
    const char *image = (const char *)mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    CHECK(image != MAP_FAILED);
    const ElfW(Ehdr) *head = (const void *)image;
    const ElfW(Shdr) *sections = (const void *)(image + head->e_shoff);
    size_t found = 0;
    for (int s = 0; s < head->e_shnum; s++) {
        if (sections[s].sh_type != SHT_DYNSYM)
            continue;
        const char *names = image + sections[sections[s].sh_link].sh_offset;
        const ElfW(Sym) *symbols = (const void *)(image + sections[s].sh_offset);
        for (size_t i = 0; i < sections[s].sh_size / sizeof *symbols; i++) {
            const char *name = names + symbols[i].st_name;
            size_t at = 0;
            if (symbols[i].st_shndx == SHN_UNDEF || strncmp(name, "oai_", 4) != 0 || program_of(name) != program)
                continue;
            while (at < covered_count && strcmp(covered[at], name) != 0)
                at++;
            if (at == covered_count)
                FAIL("%s is exported and was not called with NULL", name);
            found++;
        }
    }
    CHECK_NUMBER(found, covered_count);
    munmap((void *)(uintptr_t)image, (size_t)stat.st_size);
    close(file);
}

#endif
