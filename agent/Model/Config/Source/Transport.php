<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Source;

use Magento\Framework\Data\OptionSourceInterface;

/**
 * The transports from the store to the bridge.
 */
class Transport implements OptionSourceInterface
{
    /**
     * @inheritdoc
     */
    public function toOptionArray(): array
    {
        return [
            ['value' => 'outbox', 'label' => __('Database')],
            ['value' => 'http', 'label' => __('HTTP')],
        ];
    }
}
