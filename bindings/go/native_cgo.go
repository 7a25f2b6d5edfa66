//go:build oaic_cgo

// This file reaches the C library with cgo, for programs that use it anyway. Only native.go calls it;
// native_purego.go is its twin.

package oaic

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

typedef uintptr_t word;

// Surplus arguments are harmless in the calling conventions of the platforms that liboaic is made for.
static word oaic_call(word function, const word *a)
{
	return ((word (*)(word, word, word, word, word, word, word, word, word, word, word, word))function)(
		a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
}
*/
import "C"

import (
	"errors"
	"unsafe"
)

const maxArguments = 12

// openLibrary loads a shared library by path or by the name that the system's loader knows.
func openLibrary(name string) (uintptr, error) {
	path := C.CString(name)
	defer C.free(unsafe.Pointer(path))
	library := C.dlopen(path, C.RTLD_NOW|C.RTLD_LOCAL)
	if library == nil {
		return 0, errors.New(C.GoString(C.dlerror()))
	}
	return uintptr(library), nil
}

// findSymbol gives the address of a function of a loaded library.
func findSymbol(library uintptr, name string) (uintptr, error) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	address := C.dlsym(pointer(library), text)
	if address == nil {
		return 0, errors.New(C.GoString(C.dlerror()))
	}
	return uintptr(address), nil
}

// call calls a C function whose arguments and result are integers or pointers. Go memory whose address is converted
// to uintptr in the argument list stays where it is until call returns.
//
//go:uintptrescapes
func call(function uintptr, args ...uintptr) uintptr {
	var words [maxArguments]C.word
	if len(args) > maxArguments {
		panic("oaic: more arguments than call passes on")
	}
	for i, argument := range args {
		words[i] = C.word(argument)
	}
	return uintptr(C.oaic_call(C.word(function), &words[0]))
}
