//! A signalling server of somebody's own, on a host of its own.
//!
//! Owner of: the server's thread, which is waited for.

use std::thread::JoinHandle;

use anyhow::{Result, anyhow};
use hearth_signal::{Protection, Server, ServerConfig};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::lan::Host;
use crate::place::on;

const PORT: u16 = 8443;

pub struct Signalling {
    pub address: String,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    state: TempDir,
}

impl Signalling {
    /// One with a key of its own.
    pub fn start(host: &Host) -> Result<Self> {
        let state = tempfile::tempdir()?;
        let protection = Protection::Generated { state: state.path().to_owned() };
        Self::run(host, protection, state)
    }

    /// Who should be trusted that it is this server.
    pub fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.state.path().join("cert.pem"))?)?;
        Ok(roots)
    }

    fn run(host: &Host, protection: Protection, state: TempDir) -> Result<Self> {
        let config = ServerConfig::new(host.at(PORT), protection);
        let (end, ended) = oneshot::channel();
        let (say, said) = std::sync::mpsc::sync_channel(1);
        let serve = move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let bound = runtime.block_on(Server::bind(config));
            match bound {
                Ok(server) => {
                    say.send(Ok(()))?;
                    runtime.block_on(server.run(async { drop(ended.await) }))?;
                }
                Err(error) => say.send(Err(error))?,
            }
            Ok(())
        };
        let serve = move || serve().unwrap_or_else(|error| println!("{error}"));
        let thread = on(host, move || std::thread::Builder::new().name("signalling".to_owned()).spawn(serve))??;
        said.recv().map_err(|_| anyhow!("the server's thread ended"))??;
        let address = format!("https://{}", host.at(PORT));
        Ok(Self { address, end: Some(end), thread: Some(thread), state })
    }
}

impl Drop for Signalling {
    fn drop(&mut self) {
        self.end = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            println!("the server's thread panicked");
        }
    }
}
