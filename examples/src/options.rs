//! The command line that both examples share.
use denwa::{Account, Audio, Error, Events, Phone, PhoneBuilder, Transport, Uri};
use lexopt::prelude::*;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What was asked for.
#[derive(Debug, Default)]
pub struct Options {
    /// The one positional argument.
    pub target: Option<Uri>,
    /// `--account`
    pub account: Option<Uri>,
    /// `--username`
    pub username: Option<String>,
    /// `--password`, or the environment's `DENWA_PASSWORD`.
    pub password: Option<String>,
    /// `--proxy`
    pub proxy: Option<Uri>,
    /// `--transport`
    pub transport: Option<Transport>,
    /// `--bind`
    pub bind: Option<SocketAddr>,
    /// `--wav`
    pub wav: Option<PathBuf>,
    /// `--record`
    pub record: Option<PathBuf>,
    /// `--seconds`
    pub seconds: Option<Duration>,
    /// `--no-audio`
    pub no_audio: bool,
    /// `--help`
    pub help: bool,
}

/// The part of `--help` about the options, for both.
pub const HELP: &str = "  --account URI       register as this address, for example sip:1001@127.0.0.1:5160
  --password TEXT     its password; the environment variable DENWA_PASSWORD keeps it out of `ps`
  --username TEXT     the digest user name, when it is not the user of the account
  --proxy URI         send everything through this proxy
  --transport udp|tcp
  --bind ADDRESS      listen here, for example 192.0.2.1:5060 (default: any free port)
  --wav FILE          send this file, over and over, instead of the microphone
  --record FILE       write what is heard to this WAV file
  --seconds N         hang up after N seconds
  --no-audio          no sound at all
  --help
";

impl Options {
    /// Reads the arguments of this program.
    ///
    /// # Errors
    /// One sentence about what cannot be understood.
    pub fn from_env() -> Result<Self, String> {
        Self::read(std::env::args_os().skip(1)).map(|mut options| {
            options.password = options.password.or_else(|| std::env::var("DENWA_PASSWORD").ok());
            options
        })
    }

    /// Reads arguments, without the program's name.
    ///
    /// # Errors
    /// One sentence about what cannot be understood.
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Short('h') | Long("help") => options.help = true,
                Long("account") => options.account = Some(uri(&text(&mut parser)?)?),
                Long("username") => options.username = Some(text(&mut parser)?),
                Long("password") => options.password = Some(text(&mut parser)?),
                Long("proxy") => options.proxy = Some(uri(&text(&mut parser)?)?),
                Long("transport") => options.transport = Some(transport(&text(&mut parser)?)?),
                Long("bind") => {
                    let address = text(&mut parser)?;
                    let parsed = address.parse().map_err(|_| format!("--bind wants ADDRESS:PORT, not {address}"))?;
                    options.bind = Some(parsed);
                }
                Long("wav") => options.wav = Some(value(&mut parser)?.into()),
                Long("record") => options.record = Some(value(&mut parser)?.into()),
                Long("seconds") => {
                    let given = text(&mut parser)?;
                    let seconds = given.parse().ok().filter(|s| (0.0..1e9).contains(s));
                    let seconds: f64 = seconds.ok_or_else(|| format!("--seconds wants a number, not {given}"))?;
                    options.seconds = Some(Duration::from_secs_f64(seconds));
                }
                Long("no-audio") => options.no_audio = true,
                Value(target) if options.target.is_none() => options.target = Some(uri(&utf8(target)?)?),
                other => return Err(other.unexpected().to_string()),
            }
        }
        Ok(options)
    }

    /// Starts a phone with the sound that was asked for. Without a sound card it says so and goes on without sound.
    ///
    /// # Errors
    /// As [`PhoneBuilder::start`].
    pub async fn phone(&self, mut say: impl FnMut(String)) -> Result<(Phone, Events), Error> {
        if self.no_audio {
            return self.builder().audio(Audio::None).start().await;
        }
        if self.wav.is_some() || self.record.is_some() {
            let audio = Audio::File { play: self.wav.clone(), record: self.record.clone() };
            return self.builder().audio(audio).start().await;
        }
        let why = match self.with_card(self.builder()).await? {
            Ok(started) => return Ok(started),
            Err(why) => why,
        };
        say(format!("{why}: the call goes on without sound; --wav and --record use files"));
        self.builder().audio(Audio::None).start().await
    }

    /// Starts a phone with the sound card; `Err` inside says in a few words why there is none.
    ///
    /// # Errors
    /// As [`PhoneBuilder::start`], but for the sound.
    pub async fn with_card(&self, builder: PhoneBuilder) -> Result<Result<(Phone, Events), String>, Error> {
        match builder.audio(Audio::System).start().await {
            Ok(started) => Ok(Ok(started)),
            Err(Error::Audio { detail, .. }) => Ok(Err(detail)),
            Err(other) => Err(other),
        }
    }

    fn builder(&self) -> PhoneBuilder {
        match self.bind {
            Some(address) => Phone::builder().bind(address),
            None => Phone::builder(),
        }
    }

    /// The account that was named.
    #[must_use]
    pub fn account(&self) -> Option<Account> {
        let mut account = Account::new(self.account.clone()?);
        if let Some(password) = &self.password {
            account = account.password(password.clone());
        }
        if let Some(username) = &self.username {
            account = account.username(username.clone());
        }
        if let Some(proxy) = &self.proxy {
            account = account.proxy(proxy.clone());
        }
        if let Some(transport) = self.transport {
            account = account.transport(transport);
        }
        Some(account)
    }
}

fn value(parser: &mut lexopt::Parser) -> Result<OsString, String> {
    parser.value().map_err(|error| error.to_string())
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    value(parser).and_then(utf8)
}

fn utf8(value: OsString) -> Result<String, String> {
    value.into_string().map_err(|_| "an argument is not UTF-8".to_owned())
}

fn uri(text: &str) -> Result<Uri, String> {
    text.parse()
        .map_err(|error| format!("{text} is not a SIP address ({error}); write for example sip:600@127.0.0.1:5160"))
}

fn transport(text: &str) -> Result<Transport, String> {
    match text.to_ascii_lowercase().as_str() {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        _ => Err(format!("--transport wants udp or tcp, not {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_command_line() {
        let line =
            "sip:600@127.0.0.1:5160 --account sip:1001@127.0.0.1:5160 --password x --transport TCP --seconds 2.5";
        let options = Options::read(line.split(' ')).unwrap();
        assert_eq!(options.target.unwrap().to_string(), "sip:600@127.0.0.1:5160");
        assert_eq!(options.account.unwrap().to_string(), "sip:1001@127.0.0.1:5160");
        assert_eq!(options.transport, Some(Transport::Tcp));
        assert_eq!(options.seconds, Some(Duration::from_millis(2500)));
    }

    #[test]
    fn nonsense_is_one_sentence() {
        for line in ["600", "--transport smoke", "--seconds -1", "--nope", "sip:a@b sip:c@d", "--account"] {
            let error = Options::read(line.split(' ')).unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{line}: {error}");
        }
    }
}
