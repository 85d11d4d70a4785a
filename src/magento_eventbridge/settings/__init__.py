"""Settings: one typed model, filled from layers. Each value's origin is known.

Names follow the store's own: `aws_eventbridge/options/region` in Magento is `options.region` in the
TOML file and MAGENTO_EVENTBRIDGE_OPTIONS__REGION in the environment.
"""
