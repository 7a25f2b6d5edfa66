#!/usr/bin/env bash
# Does what bindings/cpp/README.md shows, and runs the C++ examples: builds its programs and fragments and runs them
# against the test server.
#
#     with-server.sh SERVER -- cpp-readme.sh EXAMPLES [README]
#
# EXAMPLES is the folder of the built examples. A cpp block with `int main` is a program; the first one is embed.cpp, and
# the `sh` blocks, run in their order, install the library and build it. A block that begins with `Task` is a function;
# each other one becomes the body of a function that has a client. The cmake block builds embed.cpp once more.
set -euo pipefail

examples=$(realpath "$1")
readme=${2:-bindings/cpp/README.md}
root=$(pwd)
out=$root/build/cpp/readme
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
rm -rf "$out"
mkdir -p "$out"
# No .env is in the folders above it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "cpp-readme.sh: $1" >&2
    [ ! -s "$out/log" ] || cat "$out/log" >&2
    exit 1
}

# Runs something there as a user would who knows nothing but the test server.
run() {
    (cd "$folder" && env -i HOME="$folder" PATH="$PATH" CXX="${CXX:-c++}" OPENAI_BASE_URL="$OAI_TEST_SERVER/v1" \
        OPENAI_API_KEY=sk-test-readme timeout 120 "$@") >"$out/log" 2>&1
}

printed() {
    grep -q "$1" "$out/log" || fail "$2 did not print $1:"
}

awk -v out="$out" '
    /^```(cpp|sh|cmake)$/ {
        file = sprintf("%s/block%02d.%s", out, ++count, substr($0, 4))
        inside = 1
        next
    }
    /^```/ && inside { inside = 0; close(file); next }
    inside { print > file }
' "$readme"

# ===== the programs, the commands and CMake =====

mapfile -t programs < <(grep -l 'int main' "$out"/block*.cpp)
[ ${#programs[@]} -eq 2 ] || fail "$readme shows ${#programs[@]} programs and not 2"
cp "${programs[0]}" "$folder/embed.cpp"
# shellcheck disable=SC2016  # the shell that runs the commands expands it
{
    echo 'set -eu'
    # make has built the library already.
    echo "make() { [ \"\$1\" = lib ] || $root/packaging/install.sh \"\$1\" \"\${2#PREFIX=}\"; }"
    echo "c++() { command \"\$CXX\" ${warnings[*]} \"\$@\"; }"
    echo "cd $root"
    cat "$out"/block01.sh
    echo "cd $folder"
    cat "$out"/block0[2-9].sh
} >"$folder/commands"
run bash commands || fail "the commands of $readme failed:"
printed '2 vectors of 1536 numbers' embed
cp "$out"/block*.cmake "$folder/CMakeLists.txt"
run cmake -B by-cmake -DCMAKE_PREFIX_PATH="$folder/.local" || fail "cmake failed:"
run cmake --build by-cmake || fail "the build by cmake failed:"
run by-cmake/embed || fail "embed as built by cmake failed:"
printed '2 vectors of 1536 numbers' 'embed as built by cmake'

# ===== the fragments, in one program with the other program's source =====

sed 's/int main()/int exceptions()/' "${programs[1]}" >"$out/exceptions.cpp"
fragments=0
{
    cat <<'END_OF_START'
#include <condition_variable>
#include <future>
#include <iostream>
#include <poll.h>
#include <span>
#include <string>
#include <thread>
#include <vector>
#include <oai.hpp>
int exceptions();
namespace {
class Loop {
public:
    void post(std::coroutine_handle<> coroutine)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        ready_ = coroutine;
        arrived_.notify_one();
    }
    void run()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        arrived_.wait(lock, [this] { return ready_ != nullptr; });
        lock.unlock();
        ready_.resume();
    }
    void stop() { stopped = true; }
    bool stopped = false;

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::coroutine_handle<> ready_;
};
struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};
END_OF_START
    calls=
    for block in "$out"/block*.cpp; do
        [[ " ${programs[*]} " != *" $block "* ]] || continue
        name=$(basename "$block" .cpp)
        if head -n 1 "$block" | grep -q '^Task '; then
            cat "$block"
        else
            printf 'void %s([[maybe_unused]] const oai::Client &client)\n{\n' "$name"
            cat "$block"
            printf '}\n'
            calls+="    std::cout << \"$name\" << std::endl; $name(client);"$'\n'
        fi
        fragments=$((fragments + 1))
    done
    cat <<END_OF_MAIN
}
int main()
{
    const oai::Client client = oai::Client::make().value();
$calls
    Loop loop;
    ask(client, loop);
    loop.run();
    const int ended = exceptions();
    std::cout << "exceptions " << ended << '\n' << (loop.stopped ? "the end" : "not stopped") << std::endl;
}
END_OF_MAIN
} >"$out/fragments.cpp"
"${CXX:-c++}" -std=c++20 "${warnings[@]}" -Iinclude "$out/fragments.cpp" "$out/exceptions.cpp" -o "$out/fragments" \
    -Lbuild/lib -loaic -Wl,-rpath,"$root/build/lib" -pthread
run "$out/fragments" || fail "a fragment of $readme failed:"
for line in '"max_retries":{[^}]*8' 'You said: Hello' '1 attempts' '"file-test"' '1536 numbers, 4608 in all' '"completed"' \
    'the whole: .*chat.completion' 'OAI_ERR_HTTP_NOT_FOUND after 1 attempts' 'HTTP 200' 'tag 42: HTTP 200' \
    'response.completed' 'not from OpenAI' 'exceptions 0' 'the end'; do
    printed "$line" "a fragment of $readme"
done

# ===== the examples =====

run "$examples/chat" 'Hello "you"' || fail "chat failed:"
printed 'You said: Hello "you"' chat
{
    echo 'Old wooden boats are mended at the wharf.'
    seq 200
} >"$folder/lines"
run bash -c "'$examples/search' 'Who mends wooden boats?' < lines" || fail "search failed:"
[[ $(head -n 1 "$out/log") == *"Old wooden boats"* ]] || fail "search found something else:"
run bash -c "'$examples/loop' < lines" || fail "loop failed:"
[ "$(grep -c ': 1536 numbers$' "$out/log")" -eq 201 ] || fail "loop did not answer each line on its own thread:"
echo "bindings/cpp/README.md: its programs, its commands, $fragments fragments and the examples work"
