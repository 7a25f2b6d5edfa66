//! The image never leaves the process once its threads run.
//!
//! A `dlclose` would unmap code that our threads are executing and the fork handler that the C library remembers.
//! `-z nodelete` says so at link time; this says it again at run time, for a library that somebody linked otherwise.

/// Takes one reference to the image this code is in and never gives it back.
pub fn pin() {
    // SAFETY: dladdr fills `info` from an address in this image; dlopen with RTLD_NOLOAD only finds what is loaded.
    // The handle is leaked on purpose. In a static executable both simply find nothing.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        let here = pin as fn() as *const libc::c_void;
        if libc::dladdr(here, &mut info) != 0 && !info.dli_fname.is_null() {
            libc::dlopen(
                info.dli_fname,
                libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE,
            );
        }
    }
}
