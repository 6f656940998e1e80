//! Security group rules kept as text files, and the CloudFormation template that they make.
//!
//! A repository is a folder with [`.portcullis.toml`](Settings) and rules files (`*.pysec`, `*.rules`). What a file says
//! is compared with a live group as sets of traffic: reordering, splitting or merging rules is no change.
//!
//! From files to a template, as pysec-aws's `SecurityTemplate` did it:
//!
//! ```
//! # use std::fs;
//! use portcullis_rules::{Format, GroupSettings, SecurityTemplate};
//!
//! # let folder = tempfile::tempdir()?;
//! # let my_repo = folder.path();
//! fs::write(my_repo.join("rules.pysec"), "52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.35.23.0/21:80^tcp\n")?;
//!
//! // A single file, or a folder of files.
//! let p = SecurityTemplate::from_file(&my_repo.join("rules.pysec"))?;
//! assert_eq!(p, SecurityTemplate::from_folder(my_repo)?);
//!
//! // The rules as values. Host bits mean their network, as AWS reads them.
//! let lines: Vec<String> = p.rules().rules.iter().map(portcullis_rules::line_of).collect();
//! assert_eq!(lines, ["52.35.22.100/32:80-443^tcp", "52.35.22.101/32:443^udp", "52.35.16.0/21:80^tcp"]);
//! assert_eq!(p.warnings().len(), 1);
//!
//! // The template as a value, and as a file.
//! let settings = GroupSettings {
//!     group_name: "MySecurityGroup".into(),
//!     vpc_id: "vpc-82c92af3".into(),
//!     ..GroupSettings::default()
//! };
//! let template = p.generate_template(&settings);
//! template.write(Format::Yaml, fs::File::create(my_repo.join("artifact.yaml"))?)?;
//! template.write(Format::Json, fs::File::create(my_repo.join("artifact.json"))?)?;
//!
//! let group = &template.value()["Resources"]["MySecurityGroup"];
//! assert_eq!(group["Properties"]["SecurityGroupIngress"][0]["CidrIp"], "52.35.22.100/32");
//! assert_eq!(template.value()["Outputs"]["SecurityGroupId"]["Value"]["Ref"], "MySecurityGroup");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cut;
mod difference;
mod error;
mod files;
mod folder;
mod pysec;
mod repository;
mod settings;
mod side_by_side;
mod stage;
mod state;
mod template;
mod toml_text;

pub use self::cut::CutBy;
pub use self::difference::{Action, Change, StagePlan, difference};
pub use self::error::Error;
pub use self::files::{FileStatus, hash_of};
pub use self::folder::{content, is_rules_file, repositories};
pub use self::pysec::{HASHES, PYSEC, TakenOver, take_over};
pub use self::repository::{FIRST_RULES_FILE, Repository};
pub use self::settings::{SETTINGS_FILE, Settings, SettingsChange};
pub use self::side_by_side::side_by_side;
pub use self::stage::{Projected, find_groups, projected};
pub use self::state::{Committed, STATE_FILE, StackState, Staged, State};
pub use self::template::SecurityTemplate;
pub use portcullis_formats::cloudformation::{Format, GroupSettings, Template};
pub use portcullis_formats::rules::{Egress, RuleSet, line_of};
