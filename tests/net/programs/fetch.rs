// SPDX-License-Identifier: BSD-3-Clause

// Fetches http://HOST:PORT/PATH and prints the body, by the standard library alone.
use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let a: Vec<String> = std::env::args().collect();
    let mut s = TcpStream::connect((a[1].as_str(), a[2].parse::<u16>().unwrap()))?;
    write!(s, "GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", a[3], a[1])?;
    let mut answer = String::new();
    s.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, b)| b).unwrap_or("");
    print!("{}", body);
    Ok(())
}
