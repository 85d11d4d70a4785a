<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Model\Config\Source;

use Magento\Framework\Data\OptionSourceInterface;

/**
 * The sources of the bridge's AWS credentials.
 */
class Credentials implements OptionSourceInterface
{
    /**
     * @inheritdoc
     */
    public function toOptionArray(): array
    {
        return [
            ['value' => 'keys', 'label' => __('Access keys, entered here')],
            ['value' => 'env', 'label' => __('Environment variables of the bridge')],
            ['value' => 'ec2', 'label' => __('EC2 instance role')],
            ['value' => 'default', 'label' => __('Default AWS chain (profile, SSO, ECS, EKS, EC2)')],
        ];
    }
}
