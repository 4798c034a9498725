//! Options of TCP sockets.

use std::net::IpAddr;
use std::time::Duration;

use super::ConfigError;

/// The largest buffer that can be asked of the system, in bytes.
const MOST_BUFFER: u32 = 1 << 30;

/// What is set on every TCP socket. An option that the system refuses is passed over, except for the local address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// `TCP_NODELAY`: small packets leave at once. Defaults to true.
    pub nodelay: bool,
    /// Idle time before keep-alive probes; `None` leaves them off. Defaults to none, heartbeats do the work.
    pub keepalive: Option<Duration>,
    /// `SO_SNDBUF` in bytes: what the system takes before the peer has it. Defaults to none, the system's own, which grows as
    /// needed.
    pub send_buffer: Option<u32>,
    /// `SO_RCVBUF` in bytes: what the system takes before we read it. Defaults to none, the system's own, which grows as
    /// needed.
    pub receive_buffer: Option<u32>,
    /// The address of this machine from which hosts are dialled; those of the other family cannot be reached then. Defaults
    /// to none, the system's choice.
    pub local_address: Option<IpAddr>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, send_buffer: None, receive_buffer: None, local_address: None }
    }
}

impl TcpOptions {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let buffers = [("tcp_send_buffer", self.send_buffer), ("tcp_receive_buffer", self.receive_buffer)];
        for (setting, bytes) in buffers {
            if let Some(bytes) = bytes.filter(|bytes| !(1..=MOST_BUFFER).contains(bytes)) {
                let (value, most) = (u64::from(bytes), u64::from(MOST_BUFFER));
                return Err(ConfigError::OutOfRange { setting, value, least: 1, most });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_nothing_or_of_everything_is_refused_by_name() {
        assert_eq!(TcpOptions::default().validate(), Ok(()));
        for bytes in [0, MOST_BUFFER + 1] {
            let options = TcpOptions { receive_buffer: Some(bytes), ..TcpOptions::default() };
            assert!(
                matches!(
                    options.validate(),
                    Err(ConfigError::OutOfRange { setting: "tcp_receive_buffer", .. })
                ),
                "{bytes}"
            );
        }
    }
}
