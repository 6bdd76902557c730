//! Whose program is at the other end of a connection. It shows nothing, but the system knows which user it belongs to: nobody but the
//! user of the daemon, and root, is let in.
//!
//! Linux only. Elsewhere, nobody asks.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

/// Where Linux lists connections, and whose they are.
const TABLE: &str = "/proc/net/tcp";
/// The same for sockets of version 6, which may have connected to an address of version 4.
const TABLE_6: &str = "/proc/net/tcp6";
/// A list that is read while others come and go may lack one that was there all the time.
const TRIES: usize = 3;
/// A connection whose ends are both open. Of others, the list does not say whose they are.
const ESTABLISHED: &str = "01";

/// Whether the program that has connected from `client` to `server` may come in. Blocks.
pub(super) fn is_let_in(client: SocketAddr, server: SocketAddr) -> bool {
    if !Path::new(TABLE).exists() {
        return true;
    }
    let me = rustix::process::geteuid().as_raw();
    let read = |table: &&str| std::fs::read_to_string(table).ok();
    let mut tables = (0..TRIES).flat_map(|_| [TABLE, TABLE_6]);
    let owner = tables.find_map(|table| owner(&read(&table)?, client, server));
    owner.is_some_and(|owner| owner == me || owner == 0)
}

/// Whose the end at `client` is.
fn owner(table: &str, client: SocketAddr, server: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let is_it = address(columns.next()?) == Some(client)
            && address(columns.next()?) == Some(server)
            && columns.next()? == ESTABLISHED;
        // After the queues, the timer and the retransmissions.
        is_it.then(|| columns.nth(3)?.parse().ok()).flatten()
    })
}

/// `0100007F:1F90`, or the same in a version 6 address. Words are in the order of this machine.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    // The last word has the version 4 address in both.
    let word = address.get(address.len().checked_sub(8)?..)?;
    let is_mapped = address.len() == 8 || address.get(..24)? == "0000000000000000FFFF0000";
    let word = u32::from_str_radix(word, 16).ok().filter(|_| is_mapped)?;
    let address = IpAddr::V4(Ipv4Addr::from(word.to_ne_bytes()));
    Some(SocketAddr::new(
        address,
        u16::from_str_radix(port, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn whose_a_connection_is_says_the_end_of_the_client_while_it_is_open() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1EDB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1 1 0\n\
             1: 0100007F:1EDB 0100007F:A000 01 00000000:00000000 00:00000000 00000000     7        0 2 1 0\n\
             2: 0100007F:A000 0100007F:1EDB 01 00000000:00000000 02:000009C3 00000000  1000        0 3 2 0\n\
             3: 0100007F:A001 0100007F:1EDB 06 00000000:00000000 03:000009C3 00000000     0        0 0 3 0\n";
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (server, client, closed) = (at(0x1EDB), at(0xA000), at(0xA001));
        assert_eq!(owner(table, client, server), Some(1000));
        assert_eq!(owner(table, closed, server), None);
        assert_eq!(owner(table, at(1), server), None);
        let six = table.replace("0100007F", "0000000000000000FFFF00000100007F");
        assert_eq!(owner(&six, client, server), Some(1000));
        assert_eq!(owner("", client, server), None);
        assert_eq!(owner("x\n0: a b\n1: 1:1 2:2 01\n", client, server), None);
    }
}
