"""The version of Selinon whose names these are."""

selinon_version = "1.4.0"
selinon_version_codename = "asyncflow"
