//! Who a server lets in: tokens and host names.

use std::fs;
use std::path::Path;

use eidetic_server::{AccessToken, Authentication, IndexableFolders, ServeOptions};

use crate::arguments::ListenArgs;
use crate::failure::Failure;

/// The variable with the token: that of the server in `serve`, and that to send in other commands.
pub(crate) const TOKEN_VARIABLE: &str = "EIDETIC_TOKEN";

/// The options that `arguments` describe. Off loopback, a token or `--no-auth` must be given.
pub(crate) fn options(arguments: &ListenArgs) -> Result<ServeOptions, Failure> {
    let mut options = ServeOptions::new(arguments.listen);
    options.host_names = host_names(&arguments.allow_host)?;
    if !options.host_names.is_empty() {
        // Requests for another name come through a proxy, and so from elsewhere.
        options.indexable = IndexableFolders::Known;
    }
    if let Some(token) = token(arguments)? {
        options.authentication = Authentication::Required(vec![token]);
    } else if !arguments.no_auth && !arguments.listen.ip().is_loopback() {
        return Err(Failure::arguments(format!(
            "{} can be reached from other machines, so a token is required; give it in a file with --token-file FILE \
             or in {TOKEN_VARIABLE}, or let in anyone with --no-auth",
            arguments.listen
        )));
    }
    Ok(options)
}

/// Says loudly what a server without a token means, and what a token does not protect from.
pub(crate) fn warn(options: &ServeOptions) {
    let listen = options.listen;
    let is_local = listen.ip().is_loopback();
    match (&options.authentication, is_local) {
        (Authentication::Disabled, false) => eprintln!(
            "eidetic: NO TOKEN IS REQUIRED (--no-auth): anyone who can reach {listen} can search this library, see and \
             download every picture, and start index runs"
        ),
        (Authentication::Disabled, true) if !options.host_names.is_empty() => eprintln!(
            "eidetic: no token is required: whoever the proxy of {} lets in can search this library and see its pictures",
            options.host_names.join(", ")
        ),
        (Authentication::Required(_), false) => eprintln!(
            "eidetic: the token and the pictures travel unencrypted; beyond a network that you trust, use a proxy with TLS"
        ),
        (_, true) => {}
    }
}

fn token(arguments: &ListenArgs) -> Result<Option<AccessToken>, Failure> {
    if arguments.no_auth {
        return Ok(None);
    }
    match (&arguments.token_file, std::env::var_os(TOKEN_VARIABLE)) {
        (Some(file), _) => token_in(file).map(Some),
        (None, None) => Ok(None),
        (None, Some(value)) => {
            let text = value.to_str().unwrap_or("\0");
            let token = AccessToken::new(text);
            token
                .map(Some)
                .map_err(|error| Failure::arguments(format!("{TOKEN_VARIABLE}: {error}")))
        }
    }
}

fn token_in(file: &Path) -> Result<AccessToken, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        let way_out = match error.kind() {
            std::io::ErrorKind::NotFound => "; make it with: (umask 077; openssl rand -hex 32 > FILE)",
            _ => "",
        };
        Failure::in_file(file, format!("{error}{way_out}"))
    })?;
    if is_readable_by_others(file) {
        eprintln!(
            "eidetic: other users of this machine can read the token; run: chmod 600 {}",
            file.display()
        );
    }
    AccessToken::new(&text).map_err(|error| Failure::in_file(file, error))
}

#[cfg(unix)]
fn is_readable_by_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}

/// Host names as browsers send them: without scheme and path, in lower case.
fn host_names(given: &[String]) -> Result<Vec<String>, Failure> {
    let checked = |name: &String| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if !name.is_empty() && name.chars().all(is_name) {
            return Ok(name.to_ascii_lowercase());
        }
        Err(Failure::arguments(format!(
            "--allow-host {name:?} is no host name; expected one such as photos.example, or photos.example:8443"
        )))
    };
    given.iter().map(checked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(listen: &str) -> ListenArgs {
        ListenArgs {
            listen: listen.parse().unwrap(),
            token_file: None,
            no_auth: false,
            allow_host: Vec::new(),
        }
    }

    #[test]
    fn address_off_loopback_needs_token() {
        let refused = options(&arguments("0.0.0.0:7801")).unwrap_err();
        assert_eq!(refused.code(), 2);
        let message = refused.to_string();
        for way_out in ["--token-file", "EIDETIC_TOKEN", "--no-auth"] {
            assert!(message.contains(way_out), "{message}");
        }
        let open = ListenArgs {
            no_auth: true,
            ..arguments("0.0.0.0:7801")
        };
        assert_eq!(options(&open).unwrap().authentication, Authentication::Disabled);
        let local = options(&arguments("127.0.0.1:7801")).unwrap();
        assert_eq!(local.authentication, Authentication::Disabled);
        assert_eq!(local.indexable, IndexableFolders::Any);
    }

    #[test]
    fn token_is_read_from_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let with_file = ListenArgs {
            token_file: Some(file.clone()),
            ..arguments("0.0.0.0:7801")
        };
        assert!(
            options(&with_file)
                .unwrap_err()
                .to_string()
                .contains("openssl rand")
        );
        fs::write(&file, "short\n").unwrap();
        assert_eq!(options(&with_file).unwrap_err().code(), 2);
        fs::write(&file, "0123456789abcdef\n").unwrap();
        let token = AccessToken::new("0123456789abcdef").unwrap();
        assert_eq!(
            options(&with_file).unwrap().authentication,
            Authentication::Required(vec![token])
        );
    }

    #[test]
    fn host_names_are_not_addresses_of_pages() {
        let names = |name: &str| host_names(&[name.to_owned()]);
        assert_eq!(names("Photos.Example:8443").unwrap(), ["photos.example:8443"]);
        for wrong in ["", "*", "http://photos.example", "photos.example/", "a b"] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }
}
