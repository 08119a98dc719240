//! A WebSocket (RFC 6455) that carries control messages, over TLS if the controller's address says so.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use nextmini_wire::control::{self, Command, Report};
use thiserror::Error;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::address::{Address, Carrier, TlsError};
use crate::home::Home;

/// The largest message that is taken from the controller, in bytes.
const MAX_MESSAGE: usize = 4 << 20;
/// A controller that has not answered by then is asked anew.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a controller may take to hear that this was all.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Who answers is not the controller.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Who answers wants TLS.
    #[error(
        "the controller demands TLS at this port; write wss://, and give its fingerprint with --tls-fingerprint"
    )]
    TlsDemanded,
    /// The token is not the experiment's.
    #[error("the controller refused this process's token; give it the file that the controller named")]
    Token,
    /// Nobody answers, or not as a controller does.
    #[error("cannot connect to the controller ({0})")]
    Other(String),
}

impl ConnectError {
    /// Whether trying again may help.
    pub fn passes(&self) -> bool {
        match self {
            Self::Other(_) => true,
            Self::Tls(error) => error.passes(),
            Self::TlsDemanded | Self::Token => false,
        }
    }
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
    socket: WebSocketStream<Box<dyn Carrier>>,
}

impl Connection {
    /// Connects to the controller at `address`, from `home`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(address: &Address, token: &str, home: &Home) -> Result<Self, ConnectError> {
        let mut request = address.request.clone();
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ConnectError::Token)?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let stream = home.connect(address.target.clone()).await;
        let stream = stream.map_err(|error| ConnectError::Other(error.to_string()))?;
        let opening = async {
            let carrier = address.begin(stream).await?;
            let opened = client_async_with_config(request, carrier, Some(config)).await;
            opened.map_or_else(|error| Err(refusal(&error)), |(socket, _)| Ok(Self { socket }))
        };
        let silent = |_| ConnectError::Other(format!("it said nothing for {DEADLINE:?}"));
        timeout(DEADLINE, opening).await.map_err(silent)?
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

    /// Ends the connection as the protocol wants it: returns when the other side has closed it too, or has not within
    /// [`CLOSE_DEADLINE`].
    ///
    /// What still comes is read, and not minded. A socket that is closed with something unread in it is reset, and the
    /// other side may then lose what it has not read of our last words.
    ///
    /// # Errors
    /// [`ConnectionError::Broken`]: it was gone already.
    pub async fn close(mut self) -> Result<(), ConnectionError> {
        self.socket.close(None).await.map_err(broken)?;
        let rest = async {
            while let Some(Ok(message)) = self.socket.next().await
                && !message.is_close()
            {}
        };
        if timeout(CLOSE_DEADLINE, rest).await.is_err() {
            tracing::warn!("the controller has not closed the connection in time");
        }
        Ok(())
    }
}

/// What became of asking for a WebSocket.
fn refusal(error: &tungstenite::Error) -> ConnectError {
    match error {
        tungstenite::Error::Http(response) if response.status() == StatusCode::UNAUTHORIZED => {
            ConnectError::Token
        }
        // With the header that asks for one, it can only be about TLS (RFC 2817, section 4.2).
        tungstenite::Error::Http(response) if response.status() == StatusCode::UPGRADE_REQUIRED => {
            ConnectError::TlsDemanded
        }
        error => ConnectError::Other(error.to_string()),
    }
}

fn broken(reason: impl ToString) -> ConnectionError {
    ConnectionError::Broken(reason.to_string())
}
