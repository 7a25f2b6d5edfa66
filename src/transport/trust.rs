//! Whose certificates are trusted: the roots of the machine, bundled ones, or those that the program names.
//!
//! The connector calls it once, at a client's first request, because loading the system's roots takes milliseconds.
//! It never falls back in silence from what was asked for to something weaker.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::connector::Network;

/// Which CA roots are trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsRoots {
    /// The certificates that were named, else the system's, else the bundled ones.
    #[default]
    Auto,
    System,
    Bundled,
    /// The system's and the bundled ones.
    Both,
}

impl TlsRoots {
    /// In the order of their numbers.
    pub const ALL: [TlsRoots; 4] = [
        TlsRoots::Auto,
        TlsRoots::System,
        TlsRoots::Bundled,
        TlsRoots::Both,
    ];
}

/// The roots to trust, or which option is wrong and why.
pub fn roots(network: &Network) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &network.ca_file {
        let what = format!("ca_file {path}");
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|error| format!("{what} cannot be read: {error}"))?;
        add(&mut roots, &what, certificates)?;
    }
    if let Some(pem) = &network.ca_pem {
        add(
            &mut roots,
            "ca_pem",
            CertificateDer::pem_slice_iter(pem.as_bytes()),
        )?;
    }
    let (system, bundled) = match network.tls_roots {
        // Plain http needs none.
        _ if !network.tls => (false, false),
        TlsRoots::Auto => (roots.is_empty(), false),
        TlsRoots::System => (true, false),
        TlsRoots::Bundled => (false, true),
        TlsRoots::Both => (true, true),
    };
    let mut usable = 0;
    if system {
        let found = rustls_native_certs::load_native_certs();
        (usable, _) = roots.add_parsable_certificates(found.certs);
        if usable == 0 && network.tls_roots == TlsRoots::System {
            let reason = found
                .errors
                .first()
                .map_or_else(|| "there are none".into(), ToString::to_string);
            return Err(format!(
                "tls_roots is system, but this machine's CA certificates cannot be used ({reason}); install them, or \
                 set tls_roots to auto, both or bundled"
            ));
        }
    }
    // A machine without a CA bundle, such as a bare container.
    if bundled || system && usable == 0 {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    Ok(roots)
}

fn add<E: std::fmt::Display>(
    roots: &mut RootCertStore,
    what: &str,
    certificates: impl Iterator<Item = Result<CertificateDer<'static>, E>>,
) -> Result<(), String> {
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| format!("{what} is not PEM: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("{what} holds an unusable certificate: {error}"))?;
    }
    match roots.len() == before {
        true => Err(format!("{what} holds no certificate in PEM form")),
        false => Ok(()),
    }
}
