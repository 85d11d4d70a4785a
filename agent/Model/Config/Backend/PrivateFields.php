<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Backend;

use Magento\Framework\App\Config\Value;
use Magento\Framework\Exception\LocalizedException;

/**
 * Checks the paths of private fields, when they are saved.
 */
class PrivateFields extends Value
{
    private const PATH = '~^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$~D';

    /**
     * Refuses paths that the bridge could not use; several may be separated by spaces, commas or line ends.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $paths = preg_split('/[\s,;]+/', (string)$this->getValue(), -1, PREG_SPLIT_NO_EMPTY);
        foreach ($paths as $path) {
            if (!preg_match(self::PATH, $path)) {
                throw new LocalizedException(__('"%1" is not the path of a field. It looks like customer.email.', $path));
            }
            if (explode('.', $path)[0] === 'metadata') {
                throw new LocalizedException(__('"%1": consumers need the metadata; it has no personal data.', $path));
            }
        }
        $this->setValue(implode(' ', $paths));

        return parent::beforeSave();
    }
}
