// This file finds and loads the C library and holds the addresses of its functions. Everything else of the package
// calls C through the table here; nothing here knows what the functions are for.

package oaic

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// What this package needs of the library: its own epoch, and at least these additions. They are OAI_ABI_EPOCH and
// OAI_ABI_ADDITIONS of the include/oai.h that it was written for.
const (
	abiEpoch     = 0
	abiAdditions = 3
)

// functions are the addresses of the library's functions, each under its name without oai_.
type functions struct {
	status_name, set_log, set_log_to, string_free uintptr

	client_new, client_configure_json, client_config_json, client_close, client_free uintptr
	client_stats_json, client_stats_prometheus, cancel                               uintptr

	request_new, request_free, request_set_json, request_set_header                         uintptr
	request_set_inputs_packed, request_set_model, request_set_dimensions, request_set_user  uintptr
	request_set_stream, request_set_priority, request_set_timeout_ms                        uintptr
	request_set_idempotency_key, request_add_field, request_add_file, request_add_file_path uintptr
	request_set_output_path, request_set_output_fd, request_set_progress, request_next_page uintptr
	request_add_query                                                                       uintptr

	response_get_view, response_header_at, response_usage, response_fallback uintptr
	error_get_view, error_free                                               uintptr

	queue_new, queue_free, queue_dup_fd, queue_next, submit_to uintptr
	wait_until_to, batch_run_to, upload_to                     uintptr
	set_token_queue, provide_token, refuse_token               uintptr
	batch_records, batch_free                                  uintptr
	fold_new, fold_push, fold_finish, fold_free                uintptr
	webhook_verify, webhook_verify_secret                      uintptr
}

// lib is the loaded library; load fills it.
var lib functions

var load = sync.OnceValue(func() error {
	library, path, err := findLibrary()
	if err != nil {
		return err
	}
	version, err := findSymbol(library, "oai_abi_version")
	if err != nil {
		return fmt.Errorf("oaic: %s is not liboaic: it has no oai_abi_version", path)
	}
	found := uint32(call(version))
	if found>>16 != abiEpoch || found&0xffff < abiAdditions {
		return fmt.Errorf("oaic: %s speaks ABI %d.%d, and this package needs %d.%d or a later %d.x: "+
			"install the liboaic that came with this package, or point OAI_LIBRARY_PATH at it",
			path, found>>16, found&0xffff, abiEpoch, abiAdditions, abiEpoch)
	}
	table := reflect.ValueOf(&lib).Elem()
	for i := range table.NumField() {
		name := "oai_" + table.Type().Field(i).Name
		address, err := findSymbol(library, name)
		if err != nil {
			return fmt.Errorf("oaic: %s has no %s, although its ABI is %d.%d: %w", path, name, found>>16, found&0xffff, err)
		}
		*(*uintptr)(table.Field(i).Addr().UnsafePointer()) = address
	}
	return nil
})

// libraryNames are the names under which the library is found, the one with its ABI's epoch first.
func libraryNames() []string {
	if runtime.GOOS == "darwin" {
		return []string{"liboaic.0.dylib", "liboaic.dylib"}
	}
	return []string{"liboaic.so.0", "liboaic.so"}
}

// findLibrary loads the library from the first place that has it.
func findLibrary() (library uintptr, path string, err error) {
	var tried []error
	try := func(path string) bool {
		library, err = openLibrary(path)
		if err != nil {
			tried = append(tried, err)
		}
		return err == nil
	}
	if given := os.Getenv("OAI_LIBRARY_PATH"); given != "" {
		for _, path := range candidates(given) {
			if try(path) {
				return library, path, nil
			}
		}
		return 0, "", fmt.Errorf("oaic: OAI_LIBRARY_PATH is %q, and no liboaic could be loaded from there: %w",
			given, errors.Join(tried...))
	}
	if program, err := os.Executable(); err == nil {
		for _, path := range candidates(filepath.Dir(program)) {
			if _, err := os.Stat(path); err == nil && try(path) {
				return library, path, nil
			}
		}
	}
	for _, name := range libraryNames() {
		if try(name) {
			return library, name, nil
		}
	}
	return 0, "", fmt.Errorf("oaic: liboaic was found neither beside the program nor where the system looks; "+
		"set OAI_LIBRARY_PATH to its file or folder: %w", errors.Join(tried...))
}

// candidates are the files that may be meant by a path: itself, or those of a folder.
func candidates(path string) []string {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return []string{path}
	}
	names := libraryNames()
	for i, name := range names {
		names[i] = filepath.Join(path, name)
	}
	return names
}

// ===== values to C and back =====

// pointer makes a pointer of an address of C memory.
func pointer(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

// cString is a NUL-terminated copy; nil for an empty text, which C takes as "none".
func cString(text string) *byte {
	if text == "" {
		return nil
	}
	return cText(text)
}

// cText is a NUL-terminated copy.
func cText(text string) *byte {
	bytes := make([]byte, len(text)+1)
	copy(bytes, text)
	return &bytes[0]
}

// start is the address of the first byte of a slice, nil if it is empty.
func start[T any](slice []T) *T {
	if len(slice) == 0 {
		return nil
	}
	return &slice[0]
}

// goString copies a NUL-terminated text of C.
func goString(address uintptr) string {
	if address == 0 {
		return ""
	}
	first := (*byte)(pointer(address))
	length := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(first), length)) != 0 {
		length++
	}
	return strings.Clone(unsafe.String(first, length))
}

// view is C memory as a slice, valid as long as what owns it.
func view(address, length uintptr) []byte {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(address)), length)
}

// takeText copies a text that the library handed over, and frees it.
func takeText(address, length uintptr) []byte {
	text := append([]byte{}, view(address, length)...)
	call(lib.string_free, address)
	return text
}
