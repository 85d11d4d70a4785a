<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Source;

use Magento\Framework\Data\OptionSourceInterface;

/**
 * The levels of detail.
 */
class Detail implements OptionSourceInterface
{
    /**
     * @inheritdoc
     */
    public function toOptionArray(): array
    {
        return [
            ['value' => 'documented', 'label' => __('Documented fields')],
            ['value' => 'full', 'label' => __('Full')],
        ];
    }
}
