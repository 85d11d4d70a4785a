<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;

/**
 * Reads what a full detail needs in addition to the documented fields.
 */
interface AdditionsInterface
{
    /**
     * Returns values to merge into the snapshot, by its keys.
     */
    public function of(DataObject $object, array $stored): array;
}
