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
fn a_signal_finishes_requests_and_keeps_what_a_job_has_committed() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    let count = make_pictures(&photos);
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

    taken_address_is_an_error_that_says_what_to_do(&library, address);
    let idle = TcpStream::connect(address).unwrap();
    let body = format!("{{\"folders\":[{:?}]}}", photos.display().to_string());
    let started = ask(address, "POST", "/v1/index", &body);
    assert!(started.starts_with("HTTP/1.1 202"), "{started}");
    wait_until_something_is_committed(&library);
    let searching = thread::spawn(move || ask(address, "GET", "/v1/search?text=unheard", ""));
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
        "it accepts connections still"
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

/// The server's threads let go of the library soon after it has stopped, not before.
fn close(library: Arc<Library>) {
    let patience = Instant::now() + Duration::from_secs(10);
    while Arc::strong_count(&library) > 1 {
        assert!(Instant::now() < patience, "the stopped server keeps the library");
        thread::sleep(Duration::from_millis(5));
    }
    drop(library);
}

fn taken_address_is_an_error_that_says_what_to_do(library: &Arc<Library>, address: SocketAddr) {
    let error = refused(library, address);
    assert!(matches!(error, ServeError::AddressTaken { .. }));
    let said = error.to_string();
    assert!(
        said.contains(&address.to_string()) && said.contains("--listen 127.0.0.1:"),
        "{said}"
    );
    // An address for documentation (RFC 5737), which no machine has.
    let error = refused(library, ([192, 0, 2, 1], 7801).into());
    assert!(matches!(error, ServeError::Listen { .. }), "{error}");
}

fn refused(library: &Arc<Library>, address: SocketAddr) -> ServeError {
    let served = serve(Arc::clone(library), ServeOptions::new(address), |_| {
        panic!("it cannot be ready")
    });
    served.expect_err("the address cannot be had")
}

fn open(directory: &Path, encoder: FakeEncoder) -> Library {
    Library::with_encoder(directory, Box::new(encoder), &Owner::this_process("a test"))
        .expect("the library opens")
}

/// Enough that a commit falls long before the end.
fn make_pictures(folder: &Path) -> u64 {
    std::fs::create_dir(folder).expect("it is writable");
    let count = 3_000_u32;
    for n in 0..count {
        let colour = image::Rgb([n % 251, n / 251 * 20, n % 13 * 19].map(|c| c as u8));
        let path = folder.join(format!("{n}.bmp"));
        image::RgbImage::from_pixel(9, 9, colour)
            .save(path)
            .expect("it is writable");
    }
    u64::from(count)
}

fn wait_until_something_is_committed(library: &Library) {
    let start = Instant::now();
    while library.status().expect("it can be said").images == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is committed");
        thread::sleep(Duration::from_millis(20));
    }
}

/// One request on a connection of its own; the whole answer.
fn ask(address: SocketAddr, method: &str, target: &str, body: &str) -> String {
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
