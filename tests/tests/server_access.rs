//! Who a server lets in, whom it makes wait, and what becomes of those who wait for it.
#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use eidetic_tests::{Scenario, Server, files_below};

const TOKEN: &str = "correct-horse-battery-staple";

/// The answer to a request as it is sent, until the server closes the connection or is silent.
fn exchange(address: &str, request: &[u8]) -> String {
    let mut stream = connect(address);
    // A server that refuses early may close before all is sent.
    let _ = stream.write_all(request);
    answer(&mut stream)
}

fn answer(stream: &mut TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("it works in tests");
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&received).into_owned()
}

fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address.strip_prefix("http://").expect("addresses begin so"))
        .expect("the server accepts connections")
}

/// A GET with these lines in its head.
fn get(address: &str, path: &str, lines: &[String]) -> String {
    let head = [lines, &[String::new()]].concat().join("\r\n");
    exchange(
        address,
        format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{head}\r\n").as_bytes(),
    )
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

fn library_of(images: usize) -> Scenario {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", images));
    scenario
}

/// A server off loopback with a token from a file.
fn locked(scenario: &Scenario, more: &[&str]) -> Server {
    let file = scenario.path("token");
    fs::write(&file, format!("{TOKEN}\n")).expect("it works in tests");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it works in tests");
    let mut arguments = vec![
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--token-file",
        file.to_str().expect("test paths are UTF-8"),
    ];
    arguments.extend(more);
    Server::start(scenario.command(&arguments))
}

#[test]
fn address_off_loopback_needs_token() {
    let scenario = library_of(2);
    for command in [
        &["serve", "--listen", "0.0.0.0:0"][..],
        &["demo", "--listen", "0.0.0.0:0"],
    ] {
        let refused = scenario.run(command).expect_code(2);
        for way_out in ["--token-file", "EIDETIC_TOKEN", "--no-auth"] {
            assert!(refused.stderr.contains(way_out), "{refused:?}");
        }
    }
    let short = scenario.path("short");
    fs::write(&short, "secret").expect("it works in tests");
    let refused = scenario
        .run(&[
            "serve",
            "--token-file",
            short.to_str().expect("test paths are UTF-8"),
        ])
        .expect_code(2);
    assert!(refused.stderr.contains("at least 16"), "{refused:?}");
    let server = Server::start(scenario.command(&["serve", "--listen", "0.0.0.0:0", "--no-auth"]));
    let open = get(&server.address, "/v1/status", &["Host: localhost".into()]);
    assert_eq!(status(&open), "200", "{open}");
}

#[test]
fn only_token_and_known_hosts_get_in() {
    let scenario = library_of(2);
    let server = locked(&scenario, &["--allow-host", "photos.home"]);
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let ask = |lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        status(&get(&server.address, "/v1/status", &lines)).to_owned()
    };
    assert_eq!(ask(&["Host: localhost"]), "401");
    assert_eq!(ask(&["Host: localhost", &bearer]), "200");
    assert_eq!(ask(&["Host: photos.home", &bearer]), "200");
    assert_eq!(ask(&["Host: evil.example", &bearer]), "403", "DNS rebinding");
    assert_eq!(ask(&["Host: 10.9.8.7", &bearer]), "403");
    assert_eq!(
        ask(&["Host: localhost", &bearer, "Origin: http://evil.example"]),
        "403"
    );
    assert_eq!(
        ask(&[
            "Host: localhost",
            "Authorization: Bearer wrong-horse-battery-staple"
        ]),
        "401"
    );
    let index = "POST /v1/index HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(&exchange(&server.address, index.as_bytes())), "403");
    let page = get(&server.address, "/", &["Host: localhost".into()]);
    assert_eq!(status(&page), "200", "the page asks for the token");
}

#[test]
fn commands_of_same_user_need_no_token() {
    let scenario = library_of(3);
    let server = locked(&scenario, &[]);
    let found = scenario
        .run(&["search", "apple", "-k", "1", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(found["hits"].as_array().map(Vec::len), Some(1));
    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["images"], 3);
    assert_eq!(scenario.run(&["index", "--json"]).code, Some(0));
    // What lets them in is no secret of the user's, and only they can read it.
    for file in files_below(&scenario.library()) {
        let content = fs::read(&file).expect("it works in tests");
        let has_token = content
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes());
        assert!(!has_token, "{}", file.display());
    }
    let key = scenario.library().join("server.key");
    assert_eq!(
        fs::metadata(&key)
            .expect("it works in tests")
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    // Others have the variable, or are told about it.
    fs::rename(&key, scenario.path("hidden")).expect("it works in tests");
    let refused = scenario.run(&["search", "apple"]).expect_code(3);
    assert!(refused.stderr.contains("EIDETIC_TOKEN"), "{refused:?}");
    let mut with_variable = scenario.command(&["search", "apple", "-k", "1"]);
    assert!(
        with_variable
            .env("EIDETIC_TOKEN", TOKEN)
            .status()
            .expect("it works in tests")
            .success()
    );
    fs::rename(scenario.path("hidden"), &key).expect("it works in tests");
    signal("TERM", &server);
    assert_eq!(server.wait(), Some(0));
    assert!(!key.exists(), "the key ends with its server");
}

fn signal(name: &str, server: &Server) {
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(server.process().to_string())
        .status();
    assert!(sent.expect("kill runs").success());
}

/// Sockets that announce an upload and then send `sent` bytes of it.
fn stalled(address: &str, count: usize, sent: usize) -> Vec<TcpStream> {
    let head = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n";
    let part = "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\n";
    (0..count)
        .map(|_| {
            let mut stream = connect(address);
            let body = format!("{part}{}", "a".repeat(sent.saturating_sub(part.len())));
            stream.write_all(head.as_bytes()).expect("it works in tests");
            if sent > 0 {
                stream.write_all(body.as_bytes()).expect("it works in tests");
            }
            stream
        })
        .collect()
}

#[test]
fn stalled_uploads_delay_no_search() {
    let scenario = library_of(2);
    let server = scenario.serve();
    let json = r#"{"text":"red apple","k":1}"#;
    let post = format!(
        "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    );
    assert_eq!(
        status(&exchange(&server.address, post.as_bytes())),
        "200",
        "the text is embedded once"
    );
    for (count, sent) in [(8, 0), (64, 0), (64, 100_000)] {
        let sockets = stalled(&server.address, count, sent);
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        assert_eq!(
            status(&exchange(&server.address, post.as_bytes())),
            "200",
            "{count} stalled"
        );
        let by_address = get(
            &server.address,
            "/v1/search?text=red+apple&k=1",
            &["Host: localhost".into()],
        );
        assert_eq!(status(&by_address), "200", "{count} stalled");
        let took = start.elapsed();
        assert!(
            took < Duration::from_secs(1),
            "{count} stalled with {sent} bytes: {took:?}"
        );
        drop(sockets);
    }
    let mut slow = stalled(&server.address, 1, 1_000).remove(0);
    let start = Instant::now();
    let answer = answer(&mut slow);
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("too slowly"), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn failures_below_handlers_are_problem_documents() {
    let scenario = library_of(1);
    let server = scenario.serve();
    let large = format!("X-Large: {}", "a".repeat(200_000));
    let many: Vec<String> = (0..200).map(|n| format!("X-{n}: 1")).collect();
    for lines in [vec!["Host: localhost".to_owned(), large], many] {
        let answer = get(&server.address, "/v1/status", &lines);
        assert_eq!(status(&answer), "431", "{answer}");
        assert!(
            answer.contains("content-type: application/problem+json"),
            "{answer}"
        );
        assert!(answer.contains("urn:eidetic:problem:head-too-large"), "{answer}");
    }
    let malformed = exchange(&server.address, b"this is no request\r\n\r\n");
    assert_eq!(status(&malformed), "400", "{malformed}");
    assert!(
        malformed.contains("urn:eidetic:problem:invalid-request"),
        "{malformed}"
    );
}

#[test]
fn hung_server_is_given_up() {
    let scenario = library_of(1);
    let server = scenario.serve();
    signal("STOP", &server);
    let start = Instant::now();
    let finished = scenario.run(&["search", "apple"]);
    let took = start.elapsed();
    signal("CONT", &server);
    let finished = finished.expect_code(3);
    assert!(took < Duration::from_secs(45), "{took:?}");
    let process = format!("process {}", server.process());
    assert!(
        finished.stderr.contains("does not respond") && finished.stderr.contains(&process),
        "{finished:?}"
    );
}
