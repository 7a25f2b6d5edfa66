// This file tests where the library is looked for, and that one that does not fit is refused, in copies of this program.

package oaic_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	oaic "github.com/oaic/oaic/bindings/go"
)

// loads is set in a copy that tells whether it finds the library.
const loads = "OAIC_TEST_LOADS"

func TestMain(m *testing.M) {
	if os.Getenv(loads) != "" {
		client, err := oaic.New(oaic.WithAPIKey("k"), oaic.WithoutDotenv())
		if err == nil {
			client.Close()
		}
		fmt.Println("loaded:", err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// said is what a program tells that has these variables and nothing of ours.
func said(t *testing.T, program string, variables ...string) string {
	t.Helper()
	command := exec.Command(program)
	command.Env = append([]string{loads + "=1", "HOME=" + os.Getenv("HOME"), "PATH=" + os.Getenv("PATH")}, variables...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return string(output)
}

func libraryName() string {
	if runtime.GOOS == "darwin" {
		return "liboaic.0.dylib"
	}
	return "liboaic.so.0"
}

// realLibrary is the file that the tests run with.
func realLibrary(t *testing.T) string {
	given := os.Getenv("OAI_LIBRARY_PATH")
	if info, err := os.Stat(given); err == nil && info.IsDir() {
		return filepath.Join(given, libraryName())
	}
	return given
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, content, 0o700))
}

const found = "loaded: <nil>\n"

func TestTheLibraryIsFoundWhereTheREADMESays(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	library, here := realLibrary(t), t.TempDir()
	equal(t, said(t, self, "OAI_LIBRARY_PATH="+library), found)
	copyFile(t, library, filepath.Join(here, libraryName()))
	equal(t, said(t, self, "OAI_LIBRARY_PATH="+here), found)
	// By the system's loader.
	equal(t, said(t, self, "LD_LIBRARY_PATH="+here, "DYLD_LIBRARY_PATH="+here), found)

	nowhere := said(t, self, "OAI_LIBRARY_PATH="+filepath.Join(here, "none"))
	if !strings.Contains(nowhere, "OAI_LIBRARY_PATH is") || !strings.Contains(nowhere, "none") {
		t.Errorf("a path to nothing gave %s", nowhere)
	}
	if told := said(t, self); !strings.Contains(told, "set OAI_LIBRARY_PATH to its file or folder") && told != found {
		t.Errorf("no path gave %s", told)
	}
	beside := filepath.Join(here, "program")
	copyFile(t, self, beside)
	equal(t, said(t, beside), found)
	// What is named goes before what lies beside the program.
	if told := said(t, beside, "OAI_LIBRARY_PATH=/nowhere"); !strings.Contains(told, "/nowhere") {
		t.Errorf("a path to nothing gave %s", told)
	}
}

func TestALibraryThatDoesNotFitIsNamed(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	here := t.TempDir()
	path := filepath.Join(here, libraryName())
	for text, wanted := range map[string]string{
		"unsigned oai_abi_version(void) { return 7u << 16 | 3u; }\n": path + " speaks ABI 7.3, and this package needs 0.",
		"unsigned oai_abi_version(void) { return 2u; }\n":            path + " speaks ABI 0.2, and this package needs 0.",
		"int nothing;\n": path + " is not liboaic",
	} {
		source := filepath.Join(here, "other.c")
		must(t, os.WriteFile(source, []byte(text), 0o600))
		compiler := os.Getenv("CC")
		if compiler == "" {
			compiler = "cc"
		}
		must(t, exec.Command(compiler, "-shared", "-fPIC", "-o", path, source).Run())
		if told := said(t, self, "OAI_LIBRARY_PATH="+here); !strings.Contains(told, wanted) {
			t.Errorf("%s gave %s", strings.TrimSpace(text), told)
		}
	}
}

func TestAClientHasOneGoroutineHoweverMuchIsUnderWay(t *testing.T) {
	server := startServer(t)
	server.script(`{"hold": "gate", "times": null}`)
	client := server.client(oaic.WithMaxConcurrentRequests(64), oaic.WithQueueSize(1000))
	before := runtime.NumGoroutine()
	done := make(chan error)
	for range 500 {
		go func() {
			_, err := client.Embed(context.Background(), model, []string{"text"})
			done <- err
		}()
	}
	server.stats("in_flight=64")
	if more := runtime.NumGoroutine() - before - 500; more > 2 {
		t.Errorf("%d goroutines beside the callers'", more)
	}
	server.post("/_release", map[string]any{"hold": "gate"})
	for range 500 {
		must(t, <-done)
	}
}
