<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Backend;

use Magento\Framework\App\Config\Value;
use Magento\Framework\Exception\LocalizedException;

/**
 * Checks the ID of a global endpoint, when it is saved.
 */
class EndpointId extends Value
{
    /**
     * Two labels of a host name, as in abcde.veo; at most 50 characters.
     */
    private const ID = '~^(?=.{3,50}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?[.][a-z0-9]([a-z0-9-]*[a-z0-9])?$~Di';

    /**
     * Refuses a value that the bridge could not use.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $value = trim((string)$this->getValue());
        if ($value !== '' && !preg_match(self::ID, $value)) {
            throw new LocalizedException(
                __('"%1" is not the ID of a global endpoint, for example abcde.veo.', $value)
            );
        }
        $this->setValue($value);

        return parent::beforeSave();
    }
}
