//! What is said between a SOCKS 5 client and its server before there is a connection (RFC 1928, RFC 1929).
//!
//! No byte that follows the request is taken from the socket: the kernel moves those.

use std::io;
use std::time::Duration;

use nextmini_wire::credential::Users;
use nextmini_wire::socks::{
    Greeting, Login, Method, Read, Reply, SocksError, Target, encode_login_answer, encode_method,
};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A client that was refused may take so long to hear it.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes of the longest message: a login.
const LONGEST: usize = 3 + 255 + 255;

/// Why a client gets no connection.
#[derive(Debug, Error)]
pub enum TalkError {
    /// Its connection broke.
    #[error("its connection broke ({0})")]
    Io(#[from] io::Error),
    /// It says what makes no sense.
    #[error(transparent)]
    Socks(#[from] SocksError),
    /// It cannot say who it is.
    #[error("it offers no way to log in that is wanted here")]
    Method,
    /// It is somebody else.
    #[error("a wrong name or password")]
    Login,
    /// It says nothing.
    #[error("it did not say in time what it wants")]
    Silent,
}

/// Hears where a client of one of `users` wants to go, which is answered later. One that gets nowhere has been told.
/// All of it is to be said `within` that time.
///
/// # Errors
/// See [`TalkError`].
pub async fn hear(stream: &mut TcpStream, users: &Users, within: Duration) -> Result<Target, TalkError> {
    let heard = timeout(within, talk(stream, users)).await;
    let heard = heard.unwrap_or(Err(TalkError::Silent));
    if matches!(heard, Err(TalkError::Socks(_) | TalkError::Silent)) {
        end(stream).await?;
    }
    heard
}

async fn talk(stream: &mut TcpStream, users: &Users) -> Result<Target, TalkError> {
    let greeting = read(stream, Greeting::read).await?;
    let method = users.method();
    if !greeting.offers(method) {
        return say(stream, &encode_method(None), TalkError::Method).await;
    }
    stream.write_all(&encode_method(Some(method))).await?;
    if method == Method::Login {
        let login = read(stream, Login::read).await?;
        if !users.admit(&login) {
            return say(stream, &encode_login_answer(false), TalkError::Login).await;
        }
        stream.write_all(&encode_login_answer(true)).await?;
    }
    let heard = read(stream, Target::read).await;
    if let Err(TalkError::Socks(error)) = heard
        && let Some(reply) = error.reply()
    {
        stream.write_all(&reply.encode()).await?;
    }
    heard
}

async fn say<T>(stream: &mut TcpStream, last: &[u8], error: TalkError) -> Result<T, TalkError> {
    end_with(stream, last).await?;
    Err(error)
}

/// Refuses what a client asked for.
///
/// # Errors
/// Its connection broke.
pub async fn refuse(stream: &mut TcpStream, reply: Reply) -> io::Result<()> {
    end_with(stream, &reply.encode()).await
}

/// Says the last word, and stays until the client has heard it: a connection that is closed with something unread is
/// reset, and the word may be lost.
async fn end_with(stream: &mut TcpStream, last: &[u8]) -> io::Result<()> {
    stream.write_all(last).await?;
    end(stream).await
}

async fn end(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let until_it_has_ended = async {
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest).await, Ok(bytes) if bytes > 0) {}
    };
    // Whether it ends or stays silent, it has had its time.
    let _in_time = timeout(FAREWELL, until_it_has_ended).await;
    Ok(())
}

/// Takes one message from the socket, and nothing of what is behind it.
async fn read<T>(stream: &mut TcpStream, parse: impl Fn(&[u8]) -> Read<T>) -> Result<T, TalkError> {
    let (mut bytes, mut held) = ([0; LONGEST], 0);
    loop {
        let seen = stream.peek(&mut bytes[held..]).await?;
        if seen == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let parsed = parse(&bytes[..held + seen])?;
        // Of an incomplete message everything is its own.
        let own = parsed.as_ref().map_or(seen, |(_, length)| length - held);
        stream.read_exact(&mut bytes[held..held + own]).await?;
        if let Some((message, _)) = parsed {
            return Ok(message);
        }
        held += own;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A client's end, and what became of it at the server's.
    async fn server(
        users: Users,
    ) -> (TcpStream, tokio::task::JoinHandle<(Result<Target, TalkError>, TcpStream)>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let heard = async move { (hear(&mut stream, &users, PATIENCE).await, stream) };
        (client, tokio::spawn(heard))
    }

    /// Longer than any test.
    const PATIENCE: Duration = Duration::from_secs(600);
    const REQUEST: [u8; 10] = [5, 1, 0, 1, 10, 0, 0, 7, 0, 80];

    fn alice() -> Users {
        Users::new(&["1044e56e5466acdde6fa3045b0a14756275e755c72c64d947ae2e7291c84538a".to_owned()]).unwrap()
    }

    #[tokio::test]
    async fn what_is_behind_the_request_stays_in_the_socket() {
        let (mut client, heard) = server(Users::default()).await;
        client.write_all(&[&[5, 1, 0][..], &REQUEST, b"GET /"].concat()).await.unwrap();
        let (target, mut stream) = heard.await.unwrap();
        assert_eq!(target.unwrap(), Target::Address("10.0.0.7:80".parse().unwrap()));
        let mut rest = [0; 5];
        stream.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"GET /");
    }

    #[tokio::test]
    async fn a_client_may_send_byte_by_byte() {
        let (mut client, heard) = server(alice()).await;
        client.set_nodelay(true).unwrap();
        let login = [&[1, 5][..], b"alice", &[6], b"wonder"].concat();
        for byte in [&[5, 2, 0, 2][..], &login, &REQUEST].concat() {
            client.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert!(heard.await.unwrap().0.is_ok());
        let mut said = [0; 4];
        client.read_exact(&mut said).await.unwrap();
        assert_eq!(said, [5, 2, 1, 0]);
    }

    #[tokio::test]
    async fn a_client_that_is_refused_hears_why_and_then_the_end() {
        let wrong = [&[5, 1, 2][..], &[1, 5], b"alice", &[3], b"bob"].concat();
        let cases: [(&[u8], Users, &[u8]); 5] = [
            (&[5, 1, 1], Users::default(), &[5, 255]),
            (&[5, 1, 0], alice(), &[5, 255]),
            (&wrong, alice(), &[5, 2, 1, 1]),
            (
                &[5, 1, 0, 5, 2, 0, 1, 10, 0, 0, 7, 0, 80],
                Users::default(),
                &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0],
            ),
            (
                &[5, 1, 0, 5, 1, 0, 9, 10, 0, 0, 7, 0, 80],
                Users::default(),
                &[5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0],
            ),
        ];
        for (said, users, answers) in cases {
            let (mut client, heard) = server(users).await;
            client.write_all(said).await.unwrap();
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, answers);
            drop(client);
            assert!(heard.await.unwrap().0.is_err());
        }
    }

    #[tokio::test]
    async fn other_protocols_are_closed_without_an_answer() {
        for said in [&b"GET / HTTP/1.1\r\n"[..], &[4, 1, 0, 80]] {
            let (mut client, heard) = server(Users::default()).await;
            client.write_all(said).await.unwrap();
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
            drop(client);
            let (outcome, _) = heard.await.unwrap();
            assert!(matches!(outcome, Err(TalkError::Socks(SocksError::Version(_)))), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_goes_is_no_client() {
        let (mut client, heard) = server(Users::default()).await;
        client.write_all(&[5, 1]).await.unwrap();
        drop(client);
        assert!(matches!(heard.await.unwrap().0, Err(TalkError::Io(_))));
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let heard = hear(&mut stream, &Users::default(), Duration::from_millis(1)).await;
        assert!(matches!(heard, Err(TalkError::Silent)));
    }
}
