/**
 * @file oai.hpp
 * oaic for C++17 and later: RAII handles, string views in, results or exceptions out, futures, coroutines, ranges.
 *
 * A program includes this file, and links liboaic as a C program does. It adds nothing to what oai.h does and decides
 * nothing: what is said there of limits, retries, threads and fork holds here.
 *
 * Calls give an `oai::Result<T>`: a value or an `oai::Error`. With OAI_EXCEPTIONS defined before this file they give
 * the T and throw the `oai::Error`, which is a `std::exception`. The two are different types to the linker, so one
 * program may hold sources of both kinds.
 *
 * Everything may be used from any thread, one object by one thread at a time, except Client and Queue, which any number
 * may use at once.
 */

#ifndef OAI_HPP
#define OAI_HPP

#include "oai/client.hpp"
#include "oai/error.hpp"
#include "oai/fold.hpp"
#include "oai/options.hpp"
#include "oai/process.hpp"
#include "oai/queue.hpp"
#include "oai/request.hpp"
#include "oai/response.hpp"
#include "oai/sequence.hpp"

#endif
