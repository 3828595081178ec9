//! A server in this process is stopped with a real signal, so this test has a program of its own.
#![cfg(unix)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use eidetic_encoder::fake::FakeEncoder;
use eidetic_library::{Library, Owner};
use eidetic_server::{ServeError, ServeOptions, serve};

#[test]
fn signal_finishes_requests_and_keeps_committed_images() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    let count = make_images(&photos);
    let directory = folder.path().join("library");
    let library = Arc::new(open(
        &directory,
        FakeEncoder::default().with_delay(Duration::from_millis(150)),
    ));

    let (ready, address) = mpsc::channel();
    let options = ServeOptions::new(([127, 0, 0, 1], 0).into());
    let served = Arc::clone(&library);
    let server = thread::spawn(move || serve(served, options, |address| ready.send(address).unwrap()));
    let address = address.recv_timeout(Duration::from_secs(20)).unwrap();

    address_in_use_names_alternative(&library, address);
    let idle = TcpStream::connect(address).unwrap();
    let body = format!("{{\"folders\":[{:?}]}}", photos.display().to_string());
    let started = send(address, "POST", "/v1/index", &body);
    assert!(started.starts_with("HTTP/1.1 202"), "{started}");
    wait_for_first_commit(&library);
    let searching = thread::spawn(move || send(address, "GET", "/v1/search?text=unheard", ""));
    thread::sleep(Duration::from_millis(50));

    let start = Instant::now();
    let process = std::process::id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &process])
            .status()
            .unwrap()
            .success()
    );
    server.join().unwrap().unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(6), "stopping took {took:?}");
    let answer = searching.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        TcpStream::connect(address).is_err(),
        "it still accepts connections"
    );
    drop(idle);

    let kept = library.status().unwrap().images;
    assert!(0 < kept && kept < count, "{kept} of {count}");
    close(library);
    assert_eq!(
        open(&directory, FakeEncoder::default()).status().unwrap().images,
        kept
    );
}

/// The server's threads release the library soon after it has stopped.
fn close(library: Arc<Library>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Arc::strong_count(&library) > 1 {
        assert!(
            Instant::now() < deadline,
            "the stopped server still holds the library"
        );
        thread::sleep(Duration::from_millis(5));
    }
    drop(library);
}

fn address_in_use_names_alternative(library: &Arc<Library>, address: SocketAddr) {
    let error = refused(library, address);
    assert!(matches!(error, ServeError::AddressTaken { .. }));
    let said = error.to_string();
    assert!(
        said.contains(&address.to_string()) && said.contains("--listen 127.0.0.1:"),
        "{said}"
    );
    // An address reserved for documentation (RFC 5737).
    let error = refused(library, ([192, 0, 2, 1], 7801).into());
    assert!(matches!(error, ServeError::Listen { .. }), "{error}");
}

fn refused(library: &Arc<Library>, address: SocketAddr) -> ServeError {
    let served = serve(Arc::clone(library), ServeOptions::new(address), |_| {
        panic!("it cannot be ready")
    });
    served.expect_err("the address is unavailable")
}

fn open(directory: &Path, encoder: FakeEncoder) -> Library {
    Library::with_encoder(directory, Box::new(encoder), &Owner::this_process("a test"))
        .expect("the library opens")
}

/// Enough images that the first commit is long before the end.
fn make_images(folder: &Path) -> u64 {
    std::fs::create_dir(folder).expect("it is writable");
    let count = 3_000_u32;
    for n in 0..count {
        let color = image::Rgb([n % 251, n / 251 * 20, n % 13 * 19].map(|c| c as u8));
        let path = folder.join(format!("{n}.bmp"));
        image::RgbImage::from_pixel(9, 9, color)
            .save(path)
            .expect("it is writable");
    }
    u64::from(count)
}

fn wait_for_first_commit(library: &Library) {
    let start = Instant::now();
    while library.status().expect("the status is available").images == 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "nothing is committed");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends one request on its own connection and returns the whole response.
fn send(address: SocketAddr, method: &str, target: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("the server reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the server answers in text");
    answer
}
