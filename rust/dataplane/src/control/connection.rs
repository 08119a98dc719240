//! A WebSocket (RFC 6455) that carries control messages.

use futures_util::{SinkExt as _, StreamExt as _};
use nextmini_wire::control::{self, Command, Report};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::home::Home;

/// Of a WebSocket whose address names none (RFC 6455, section 3).
const WS_PORT: u16 = 80;
/// The largest message that is taken from the controller, in bytes.
const MAX_MESSAGE: usize = 4 << 20;

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address is not one.
    #[error("{url} is not a controller's address ({reason}); it looks like ws://127.0.0.1:4000/dataplane")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The token is not the experiment's.
    #[error("the controller refused this process's token; give it the file that the controller named")]
    Token,
    /// Nobody answers, or not as a controller does.
    #[error("cannot connect to the controller ({0})")]
    Other(String),
}

/// Why a message did not come or go.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// The connection is gone.
    #[error("the connection to the controller broke ({0})")]
    Broken(String),
    /// The controller sent something that is no message.
    #[error(transparent)]
    Decode(#[from] control::DecodeError),
}

/// A connection to the controller.
#[derive(Debug)]
pub struct Connection {
    socket: WebSocketStream<TcpStream>,
}

impl Connection {
    /// Connects to the controller at `url`, from `home`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(url: &str, token: &str, home: &Home) -> Result<Self, ConnectError> {
        let wrong_url = |reason: String| ConnectError::Url { url: url.to_owned(), reason };
        let mut request = url.into_client_request().map_err(|error| wrong_url(error.to_string()))?;
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ConnectError::Token)?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let uri = request.uri();
        let (Some("ws"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(wrong_url("it does not begin with ws:// and a host".to_owned()));
        };
        let address = format!("{host}:{}", uri.port_u16().unwrap_or(WS_PORT));
        let stream = home.connect(address).await.map_err(|error| ConnectError::Other(error.to_string()))?;
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tungstenite::Error::Http(response)) if response.status() == 401 => Err(ConnectError::Token),
            Err(tungstenite::Error::Url(error)) => Err(wrong_url(error.to_string())),
            Err(error) => Err(ConnectError::Other(error.to_string())),
        }
    }

    /// Sends messages, with one flush for all.
    ///
    /// # Errors
    /// [`ConnectionError::Broken`].
    pub async fn send(&mut self, reports: impl IntoIterator<Item = Report>) -> Result<(), ConnectionError> {
        for report in reports {
            let bytes = control::encode(&report).map_err(broken)?;
            self.socket.feed(Message::Binary(bytes.into())).await.map_err(broken)?;
        }
        self.socket.flush().await.map_err(broken)
    }

    /// The next message.
    ///
    /// # Errors
    /// [`ConnectionError::Decode`] leaves the connection usable.
    ///
    /// # Cancel safety
    /// No message is lost.
    pub async fn receive(&mut self) -> Result<Command, ConnectionError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(control::decode(&bytes)?),
                Some(Ok(Message::Close(frame))) => {
                    let reason =
                        frame.map(|frame| frame.reason.to_string()).filter(|reason| !reason.is_empty());
                    return Err(broken(reason.unwrap_or_else(|| "closed".to_owned())));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
                None => return Err(broken("closed")),
            }
        }
    }

    /// Ends the connection as the protocol wants it.
    ///
    /// # Errors
    /// [`ConnectionError::Broken`]: it was gone already.
    pub async fn close(mut self) -> Result<(), ConnectionError> {
        self.socket.close(None).await.map_err(broken)
    }
}

fn broken(reason: impl ToString) -> ConnectionError {
    ConnectionError::Broken(reason.to_string())
}
