"""`python -m magento_eventbridge` is the command `magento-eventbridge`."""

from magento_eventbridge.cli import main

main()
