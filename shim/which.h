/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * which.h - which program is meant, and what can carry its traffic here
 */
#ifndef SHIM_WHICH_H
#define SHIM_WHICH_H

#include <limits.h>

#include "shim/elf.h"

/*
 * What exec of @name will start, PATH searched: the file in @ret_path (empty: none). Its
 * kind, ELF_DYNAMIC when nothing can be said.
 */
enum elf_kind which_kind(const char *name, char ret_path[PATH_MAX]);
/* What the user may not expect of this command, after its name; NULL: nothing. */
const char *which_note(const char *name, enum elf_kind kind);
/* As in "NAME is linked statically". */
const char *which_kind_text(enum elf_kind kind);
/* The doors to the agent that a program of @kind uses, as in "NAME uses ...". */
const char *which_doors(enum elf_kind kind);
/* Why the kernel refused a supervisor with @error, and what helps. */
const char *which_remedy(int error);

#endif
