<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Backend;

use Magento\Framework\App\Config\Value;
use Magento\Framework\Exception\LocalizedException;

/**
 * Checks the ARN of a role, when it is saved.
 */
class RoleArn extends Value
{
    private const ARN = '~^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}$~D';

    /**
     * Refuses a value that the bridge could not use.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $value = trim((string)$this->getValue());
        if ($value !== '' && !preg_match(self::ARN, $value)) {
            throw new LocalizedException(__('"%1" is not the ARN of an IAM role. It looks like arn:aws:iam::123456789012:role/shop.', $value));
        }
        $this->setValue($value);

        return parent::beforeSave();
    }
}
