<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Backend;

use Magento\Config\Model\Config\Backend\Encrypted;
use Magento\Framework\Exception\LocalizedException;

/**
 * Checks the length of a secret, when it is saved; it is stored encrypted.
 */
class Secret extends Encrypted
{
    /**
     * The bridge accepts none that is shorter.
     */
    private const SHORTEST = 16;

    /**
     * Refuses a secret that the bridge would refuse. The form shows a saved secret as asterisks.
     *
     * @return void
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $value = (string)$this->getValue();
        if ($value !== '' && !preg_match('/^\*+$/', $value) && strlen($value) < self::SHORTEST) {
            throw new LocalizedException(__('The secret needs at least %1 characters.', self::SHORTEST));
        }
        parent::beforeSave();
    }
}
