<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Backend;

use Magento\Framework\App\Config\Value;
use Magento\Framework\Exception\LocalizedException;

/**
 * Checks the URL of the bridge, when it is saved.
 */
class BridgeUrl extends Value
{
    /**
     * Refuses a value that the bridge could not use.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $value = trim((string)$this->getValue());
        if ($value !== '' && !$this->isUrl($value)) {
            throw new LocalizedException(__('"%1" is not a URL of a bridge. It looks like https://bridge.example.com.', $value));
        }
        $this->setValue($value);

        return parent::beforeSave();
    }

    /**
     * Returns whether it is a URL with a host, without a query.
     */
    private function isUrl(string $value): bool
    {
        $parts = filter_var($value, FILTER_VALIDATE_URL) === false ? [] : parse_url($value);

        return in_array($parts['scheme'] ?? '', ['http', 'https'], true)
            && ($parts['host'] ?? '') !== ''
            && !isset($parts['query'])
            && !isset($parts['fragment']);
    }
}
