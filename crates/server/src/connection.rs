//! Connections, on which failures of the HTTP layer are sent as problem documents.
//!
//! What is no request that a handler could see, such as a head that is too large, is answered by actix-http
//! with a bare status. [`Connection`] is the stream below it, and puts a problem document in the place of
//! such an answer.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::problem::{Problem, ProblemKind};

/// Longest answer of the HTTP layer itself: a status line and three headers.
const MAX_BARE_ANSWER: usize = 256;

/// A client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What is being sent in the place of a bare answer.
    document: Option<Bytes>,
}

/// The server's own address of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalAddress(pub(crate) IpAddr);

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            document: None,
        }
    }

    /// The address at which it arrived, unless it is closed already.
    pub(crate) fn local_address(&self) -> Option<LocalAddress> {
        let address = self.stream.local_addr().ok()?;
        Some(LocalAddress(address.ip().to_canonical()))
    }

    /// Sends the document, and then counts `answer` bytes as written.
    fn poll_document(&mut self, context: &mut Context<'_>, answer: usize) -> Poll<io::Result<usize>> {
        while let Some(rest) = self.document.as_mut().filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = rest.split_to(written);
        }
        self.document = None;
        Poll::Ready(Ok(answer))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.document.is_none() {
            self.document = failure(buffer).map(|problem| problem.to_bytes().into());
        }
        if self.document.is_some() {
            return self.poll_document(context, buffer.len());
        }
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The problem that an answer of the HTTP layer itself stands for: one without a body, of a status that
/// handlers always send with one.
fn failure(answer: &[u8]) -> Option<Problem> {
    if answer.len() > MAX_BARE_ANSWER {
        return None;
    }
    let text = std::str::from_utf8(answer).ok()?;
    let head = text.strip_suffix("\r\n\r\n")?.to_ascii_lowercase();
    let status = head.strip_prefix("http/1.1 ")?.get(..3)?;
    if !head.contains("\r\ncontent-length: 0") || head.contains("\r\n\r\n") {
        return None;
    }
    match status {
        "400" => Some(Problem::new(
            ProblemKind::InvalidRequest,
            "this is no valid HTTP/1.1 request",
        )),
        "408" => Some(Problem::new(
            ProblemKind::TooSlow,
            "the head of the request did not arrive in time",
        )),
        "431" => Some(Problem::new(
            ProblemKind::HeadTooLarge,
            "the head of the request is too large; at most 128 KiB and 96 headers are allowed",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_answers_become_problems() {
        let bare =
            |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let problem = failure(bare("431 Request Header Fields Too Large").as_bytes()).unwrap();
        let sent = String::from_utf8(problem.to_bytes()).unwrap();
        assert!(
            sent.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"),
            "{sent}"
        );
        let (head, body) = sent.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{sent}"
        );
        assert!(body.contains("urn:eidetic:problem:head-too-large"), "{sent}");
        assert!(failure(bare("400 Bad Request").as_bytes()).is_some());
        assert!(failure(bare("408 Request Timeout").as_bytes()).is_some());
    }

    #[test]
    fn other_answers_are_sent_unchanged() {
        let answers = [
            "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 5\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "an image that begins with HTTP/1.1 431",
            "",
        ];
        for answer in answers {
            assert!(failure(answer.as_bytes()).is_none(), "{answer}");
        }
    }
}
