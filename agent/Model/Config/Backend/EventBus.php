<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Backend;

use Magento\Framework\App\Config\Value;
use Magento\Framework\Exception\LocalizedException;

/**
 * Checks the name or the ARN of an event bus, when it is saved.
 */
class EventBus extends Value
{
    /**
     * Two kinds of ARNs, of classic and of custom event buses; else a name.
     */
    private const BUS = '~^(arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[/.\w-]{1,256}$~D';
    private const CUSTOM_BUS = '~^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-busv2/[a-zA-Z0-9][.\w-]{0,255}/[a-z0-9]{25}$~D';

    /**
     * Refuses a value that the bridge could not use.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $value = trim((string)$this->getValue());
        if ($value !== '' && !preg_match(self::BUS, $value) && !preg_match(self::CUSTOM_BUS, $value)) {
            throw new LocalizedException(__('"%1" is neither the name nor the ARN of an event bus.', $value));
        }
        $this->setValue($value);

        return parent::beforeSave();
    }
}
