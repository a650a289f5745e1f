"""The public paths of what events, automations and triggers are made of."""
