//! Link settings of the shared library, and nothing else: its name for the loader, and that it is never unloaded.
//!
//! Cargo runs this before it compiles `oaic`. It must stay instant and must never generate code: the header is made
//! and compared by `tests/header`.

use std::env;

/// The epoch of the ABI: the number in `liboaic.so.0`, and the upper half of `oai_abi_version()`.
const ABI_EPOCH: u32 = 0;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");

    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let family = env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    if os == "macos" {
        link(&format!(
            "-Wl,-install_name,@rpath/liboaic.{ABI_EPOCH}.dylib"
        ));
    } else if family.split(',').any(|name| name == "unix") {
        link(&format!("-Wl,-soname,liboaic.so.{ABI_EPOCH}"));
        // Our threads run code of this image until the process ends: after a dlclose they would crash the host.
        link("-Wl,-z,nodelete");
        link("-Wl,-z,relro,-z,now");
        link("-Wl,-z,noexecstack");
    }
}

/// Adds one argument to the link of the cdylib alone; tests, the rlib and the static library do not see it.
fn link(argument: &str) {
    println!("cargo:rustc-cdylib-link-arg={argument}");
}
