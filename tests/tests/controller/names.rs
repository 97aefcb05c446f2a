//! Names behind which browsers hide their addresses, asked for on a LAN where somebody answers or nobody does.

use std::net::IpAddr;

use anyhow::Result;
use anyhow::{Context as _, ensure};
use hearth::engine::Discovery;
use mdns_sd::{ServiceDaemon, ServiceInfo};

use crate::lan::Lan;
use crate::person::SOON;
use crate::place::{alone, now, on};

const NAME: &str = "6f3a1c52-9d0e-4b8a-a1f7-02c4e85b7d19.local";
const LOOPBACK: &str = "0d9b2f44-35c1-4a7e-8be6-91f0a3d7c268.local";
const NOBODY: &str = "c1f7e0aa-2b3d-4c5e-9f80-7a6b5c4d3e2f.local";

/// The right address in time, nothing else, and one who does not answer holds up nobody.
#[test]
fn hidden_names_are_resolved() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let (asks, answers) = (lan.host("asks")?, lan.host("answers")?);
    let responder = on(&answers, || -> Result<ServiceDaemon> {
        let daemon = ServiceDaemon::new()?;
        for (instance, name, address) in
            [("one", NAME, answers.address), ("two", LOOPBACK, IpAddr::from([127, 0, 0, 1]))]
        {
            let host = format!("{name}.");
            daemon.register(ServiceInfo::new("_test._udp.local.", instance, &host, address, 9, None)?)?;
        }
        Ok(daemon)
    })??;
    let found = on(&asks, || -> Result<_> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let discovery = Discovery::default();
        runtime.block_on(async {
            let begun = now();
            let nobody = async {
                let found = discovery.clone().resolve(NOBODY.to_owned()).await;
                (found, now() - begun)
            };
            let known = async {
                let first = discovery.clone().resolve(NAME.to_owned()).await;
                let took = now() - begun;
                let again = discovery.clone().resolve(NAME.to_owned()).await.1;
                let capitals = discovery.clone().resolve(NAME.to_ascii_uppercase()).await.1;
                (first, took, [again, capitals], discovery.clone().resolve(LOOPBACK.to_owned()).await.1)
            };
            Ok(tokio::join!(nobody, known))
        })
    })??;
    let ((nobody, waited), (known, took, again, loopback)) = found;
    println!("a name is resolved in {took:?}, and given up after {waited:?}");
    let wanted = Some(answers.address);
    ensure!(known == (NAME.to_owned(), wanted) && again == [wanted; 2], "{known:?}, {again:?}");
    ensure!(loopback.is_none(), "somebody else's name leads to ourselves");
    ensure!(nobody == (NOBODY.to_owned(), None), "{nobody:?}");
    ensure!(took < SOON && waited < SOON, "too slow");
    responder.shutdown().context("the responder")?.recv_timeout(SOON)?;
    Ok(())
}
