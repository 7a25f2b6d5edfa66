/*
 * What nulls.c and nulls_calls.c share: calls with NULL, and the proof that no exported function was left out.
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

/* Whether nulls_calls.c has to call this function; all others are for nulls.c. */
static inline int is_call(const char *name)
{
    static const char *const prefixes[] = {"oai_send",  "oai_submit", "oai_cancel", "oai_embed",
                                           "oai_queue", "oai_batch",  "oai_record", "oai_response"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return 1;
    return 0;
}

/* Looks into the library's own file for what it exports, and checks that the calls, or all others, were covered. */
static inline void check_covered(int calls)
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
            if (symbols[i].st_shndx == SHN_UNDEF || strncmp(name, "oai_", 4) != 0 || is_call(name) != calls)
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
