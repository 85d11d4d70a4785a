"""Notify people of problems: by e-mail, Slack, webhook, SNS or Apprise."""
