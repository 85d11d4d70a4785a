<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Backend;

use Magento\Framework\Exception\LocalizedException;

/**
 * Checks the paths of hashed fields, and that there is a secret to hash them with.
 */
class HashedFields extends PrivateFields
{
    private const SECRET = 'aws_eventbridge/privacy/secret';

    /**
     * Refuses hashed fields without a secret: the bridge could not send any event then.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        parent::beforeSave();
        if ((string)$this->getValue() !== '' && !$this->hasSecret()) {
            throw new LocalizedException(__('Set the secret of the hashes first: it needs at least %1 characters.', 16));
        }

        return $this;
    }

    /**
     * Returns whether the secret is in the same form, or saved already. The form has an array of values.
     */
    private function hasSecret(): bool
    {
        $fields = $this->getData('fieldset_data');
        if (is_array($fields) && !empty($fields['secret'])) {
            return true;
        }

        return (string)$this->_config->getValue(
            self::SECRET,
            $this->getScope() ?: 'default',
            $this->getScopeCode()
        ) !== '';
    }
}
