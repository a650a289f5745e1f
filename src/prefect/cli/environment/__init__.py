"""Commands of this machine's environment: settings, profiles, versions, packages, the journal."""
