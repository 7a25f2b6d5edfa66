//go:build !oaic_cgo

// This file reaches the C library without a C compiler. Only native.go calls it; native_cgo.go is its twin.

package oaic

import "github.com/ebitengine/purego"

// openLibrary loads a shared library by path or by the name that the system's loader knows.
func openLibrary(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

// findSymbol gives the address of a function of a loaded library.
func findSymbol(library uintptr, name string) (uintptr, error) {
	return purego.Dlsym(library, name)
}

// call calls a C function whose arguments and result are integers or pointers. Go memory whose address is converted
// to uintptr in the argument list stays where it is until call returns.
//
//go:uintptrescapes
func call(function uintptr, args ...uintptr) uintptr {
	result, _, _ := purego.SyscallN(function, args...)
	return result
}
